#!/bin/sh
# Make .venv and sync it from the lock: scripts/setup.sh [uv sync options]. Asks only for Python 3.11 or newer.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
venv=.venv

die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Python's own check, because a version is not a number: 0.10 is newer than 0.9.
is_new_uv() { "$1" --version 2>/dev/null | "$python" -c '
import re, sys
found = re.search(r"(\d+)\.(\d+)\.(\d+)", sys.stdin.read())
sys.exit(not found or tuple(map(int, found.groups())) < (0, 9, 17))'; }

install_venv_module() {
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -qq -y "$package" >/dev/null
    else
        die "this Python has no ensurepip; install it first (Debian, Ubuntu: sudo apt install $package)"
    fi
}

install_openssl() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -qq -y openssl >/dev/null
    else
        die "the tests make certificates with openssl; install it first (Debian, Ubuntu: sudo apt install openssl)"
    fi
}

# What tests of the stronger sandboxes, of the console and of the metrics need. Where it cannot be had they are skipped,
# with their reason.
install_programs() {
    wanted=
    command -v bwrap >/dev/null || wanted="$wanted bubblewrap"
    command -v podman >/dev/null || wanted="$wanted podman runc"
    command -v qemu-system-x86_64 >/dev/null || wanted="$wanted qemu-system-x86"
    command -v chromium >/dev/null || wanted="$wanted chromium fonts-dejavu-core"
    command -v faketime >/dev/null || wanted="$wanted faketime"
    # Its tests start a server of their own.
    [ -x /usr/sbin/dovecot ] || wanted="$wanted dovecot-imapd"
    command -v promtool >/dev/null || wanted="$wanted prometheus"
    [ -n "$wanted" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    # shellcheck disable=SC2086 # a list of packages
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $wanted; } >/dev/null 2>&1 ||
        printf 'setup: could not install%s; tests that need them are skipped\n' "$wanted" >&2
}

command -v "$python" >/dev/null || die "no $python on the PATH; install Python 3.11 or newer, or set PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$python is $("$python" --version); Remit needs 3.11 or newer: make PYTHON=python3.12 ..."

case " $* " in
    *" --no-default-groups "* | *" --only-group "*) ;;
    *)
        command -v openssl >/dev/null || install_openssl
        install_programs
        ;;
esac

if is_new_uv uv; then
    uv=uv
    [ -x $venv/bin/python ] || uv venv --quiet --no-project --python "$python" $venv
else
    uv=$venv/bin/uv
    if ! [ -x $venv/bin/pip ]; then
        # Debian ships Python without ensurepip, and venv stops half-way without it.
        "$python" -c 'import ensurepip, venv' 2>/dev/null || install_venv_module
        "$python" -m venv $venv
    fi
    is_new_uv $uv || $venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9.17'
fi

# Inexact: what another target has installed stays, and so does uv itself.
unset VIRTUAL_ENV
UV_PROJECT_ENVIRONMENT=$venv UV_PYTHON_DOWNLOADS=never exec $uv sync --frozen --inexact --quiet "$@"
