#!/usr/bin/env bash
# Starts PostgreSQL as the official image does: the first start makes the database from POSTGRES_* and runs what is in
# /docker-entrypoint-initdb.d; root becomes the user postgres.
set -Eeuo pipefail

fail() {
    echo "postgres: $1" >&2
    exit 1
}

# A setting comes from its variable or, named in VARIABLE_FILE, from a file.
setting() {
    local name=$1 default=${2:-} file="${1}_FILE"
    if [[ -n ${!name:-} && -n ${!file:-} ]]; then
        fail "both $name and $file are set; set one of them"
    fi
    if [[ -n ${!file:-} ]]; then
        [[ -r ${!file} ]] || fail "$file names ${!file}, which cannot be read"
        printf -v "$name" '%s' "$(<"${!file}")"
    else
        printf -v "$name" '%s' "${!name:-$default}"
    fi
    export "${name?}"
    unset "$file"
}

# initdb and psql ask for the user's name: give one to an id that has none.
name_this_user() {
    if getent passwd "$(id -u)" >/dev/null; then return; fi
    NSS_WRAPPER_PASSWD=$(mktemp) NSS_WRAPPER_GROUP=$(mktemp)
    echo "postgres:x:$(id -u):$(id -g):PostgreSQL:/var/lib/postgresql:/bin/false" >"$NSS_WRAPPER_PASSWD"
    echo "postgres:x:$(id -g):" >"$NSS_WRAPPER_GROUP"
    LD_PRELOAD=$(echo /usr/lib/*/libnss_wrapper.so)
    export LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
}

make_folders() {
    local folder
    for folder in "$PGDATA" ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"}; do
        mkdir -p "$folder"
        chmod 00700 "$folder" || :
    done
    mkdir -p /var/run/postgresql || :
    chmod 03775 /var/run/postgresql || :
}

hand_over_to_postgres() {
    find "$PGDATA" ! -user postgres -exec chown postgres {} +
    if [[ -n ${POSTGRES_INITDB_WALDIR:-} ]]; then
        find "$POSTGRES_INITDB_WALDIR" ! -user postgres -exec chown postgres {} +
    fi
    find /var/run/postgresql ! -user postgres -exec chown postgres {} + || :
    exec setpriv --reuid postgres --regid postgres --init-groups -- "$0" "$@"
}

check_password() {
    if [[ -z $POSTGRES_PASSWORD && $POSTGRES_HOST_AUTH_METHOD != trust ]]; then
        fail "the database is to be made and has no superuser password; set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE
          (POSTGRES_HOST_AUTH_METHOD=trust lets everyone in without one: not for production)"
    fi
    if [[ $POSTGRES_HOST_AUTH_METHOD == trust ]]; then
        echo "postgres: POSTGRES_HOST_AUTH_METHOD=trust: whoever reaches the port is let in, whatever the password" >&2
    fi
}

make_database_folder() {
    local waldir=()
    if [[ -n ${POSTGRES_INITDB_WALDIR:-} ]]; then waldir=(--waldir "$POSTGRES_INITDB_WALDIR"); fi
    # The arguments are one string that may have quotes in it, as a shell would read them.
    eval "initdb --username=\"\$POSTGRES_USER\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") ${POSTGRES_INITDB_ARGS:-} \"\${waldir[@]}\" \"\$@\""
}

sql() {
    psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"
}

# Reachable only inside the container, over the socket, while the database is made.
start_for_setup() {
    pg_ctl --pgdata "$PGDATA" --wait --silent --options "-c listen_addresses='' -p ${PGPORT:-5432}" start
}

create_database() {
    if [[ $POSTGRES_DB == postgres ]]; then return; fi
    sql --dbname postgres --set "db=$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
}

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh)
            echo "postgres: running $file"
            if [[ -x $file ]]; then "$file"; else . "$file"; fi
            ;;
        *.sql) echo "postgres: running $file" && sql --dbname "$POSTGRES_DB" --file "$file" ;;
        *.sql.gz) echo "postgres: running $file" && gunzip --stdout "$file" | sql --dbname "$POSTGRES_DB" ;;
        */\*) ;;
        *) echo "postgres: ignoring $file" ;;
        esac
    done
}

first_start() {
    check_password
    make_database_folder
    printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/pg_hba.conf"
    export PGPASSWORD=$POSTGRES_PASSWORD
    start_for_setup
    create_database
    run_init_files
    pg_ctl --pgdata "$PGDATA" --mode fast --wait --silent stop
    unset PGPASSWORD
    echo "postgres: the database is made, ready to start"
}

informs_only() {
    local word
    for word in "$@"; do
        case $word in
        -'?' | --help | --describe-config | -V | --version) return 0 ;;
        esac
    done
    return 1
}

if [[ ${1:-} == -* ]]; then set -- postgres "$@"; fi

if [[ ${1:-} == postgres ]] && ! informs_only "$@"; then
    make_folders
    if [[ $(id -u) == 0 ]]; then hand_over_to_postgres "$@"; fi
    name_this_user
    setting POSTGRES_PASSWORD
    setting POSTGRES_USER postgres
    setting POSTGRES_DB "$POSTGRES_USER"
    setting POSTGRES_INITDB_ARGS
    setting POSTGRES_HOST_AUTH_METHOD scram-sha-256
    if [[ ! -s $PGDATA/PG_VERSION ]]; then first_start; fi
fi

exec "$@"
