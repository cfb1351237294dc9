#!/bin/bash
# Like the well-known image: a database cluster in PGDATA, made at the first start from POSTGRES_* and initdb.d.
set -Eeuo pipefail

# A value from NAME, or from the file that NAME_FILE names.
from_file() {
    local file="${1}_FILE"
    if [ -n "${!file:-}" ]; then
        [ -z "${!1:-}" ] || { echo "error: both $1 and $file are set" >&2; exit 1; }
        export "$1"="$(<"${!file}")"
    fi
}

make_cluster() {
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        echo "error: database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
        exit 1
    fi
    local arguments
    eval "arguments=(${POSTGRES_INITDB_ARGS:-})"
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") --auth-local=trust "${arguments[@]}"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
    # Clients that wait for the port must not meet the server that is only here for the scripts.
    pg_ctl --wait --options="-c listen_addresses=''" start
    if [ "$POSTGRES_DB" != postgres ]; then
        query --dbname=postgres --set=db="$POSTGRES_DB" <<< 'CREATE DATABASE :"db";'
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        run_script "$file"
    done
    pg_ctl --mode=fast --wait stop
}

query() { psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --no-password --no-psqlrc "$@"; }

run_script() {
    case "$1" in
        *.sh) if [ -x "$1" ]; then "$1"; else . "$1"; fi ;;
        *.sql) query --dbname="$POSTGRES_DB" --file="$1" ;;
        *.sql.gz) gunzip --stdout "$1" | query --dbname="$POSTGRES_DB" ;;
        *) echo "$0: ignoring $1" ;;
    esac
}

if [ "${1:0:1}" = - ]; then
    set -- postgres "$@"
fi
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA"
    if [ "$(id -u)" = 0 ]; then
        chmod 700 "$PGDATA"
        find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
    fi
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER
    from_file POSTGRES_DB
    export POSTGRES_USER="${POSTGRES_USER:-postgres}"
    export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}" PGUSER="$POSTGRES_USER" PGDATABASE="${POSTGRES_DB:-$POSTGRES_USER}"
    [ -s "$PGDATA/PG_VERSION" ] || make_cluster
    unset PGUSER PGDATABASE
    set -- "$@" -c listen_addresses='*'
fi
exec "$@"
