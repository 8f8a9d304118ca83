#!/bin/sh
# A configuration file, or a subcommand's flags, are for the registry; anything else is a program.
set -eu
case "${1:-}" in
*.yaml | *.yml) set -- registry serve "$@" ;;
serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
