echo "checking the configuration"
echo "error: the setting GREETING is missing" >&2
exit 3
