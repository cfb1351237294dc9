#!/bin/sh
# Like the well-known image: scripts in /docker-entrypoint.d, and templates filled in from the environment.
set -e
if [ "$1" = nginx ]; then
    for script in /docker-entrypoint.d/*; do
        case "$script" in
            *.envsh) [ -x "$script" ] && . "$script" ;;
            *.sh) [ -x "$script" ] && "$script" ;;
        esac
    done
    # Only what the environment defines: nginx has variables of its own in the same notation.
    defined=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p' | tr '\n' ' ')
    for template in /etc/nginx/templates/*.template; do
        [ -e "$template" ] || continue
        envsubst "$defined" < "$template" > "/etc/nginx/conf.d/$(basename "$template" .template)"
    done
fi
exec "$@"
