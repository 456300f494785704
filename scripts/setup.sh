#!/bin/sh
# Make the virtual environment given as $1 from requirements.lock. Needs Python 3.11 or later, nothing else.
set -eu
venv=$1

for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "${python:-}" ]; then
    echo "Locutory needs Python 3.11 or later; none was found on PATH." >&2
    exit 1
fi

if [ ! -x "$venv/bin/pip" ]; then
    # Debian ships python3 without ensurepip; its python3-venv package brings it.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "This Python cannot make virtual environments; installing python3-venv ..."
        if [ "$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi
        { $sudo apt-get update -qq && $sudo apt-get install -y -qq python3-venv; } || {
            echo "Install the package python3-venv and run this again." >&2
            exit 1
        }
    fi
    "$python" -m venv "$venv"
fi

"$venv/bin/pip" install --quiet --disable-pip-version-check --root-user-action=ignore 'uv>=0.9,<1'
# the system's certificates, as pip uses them: a proxy in between has its own
export VIRTUAL_ENV="$PWD/$venv" UV_LINK_MODE=copy UV_SYSTEM_CERTS=true
# compiled once here, not at every start where Python may not write beside the sources
"$venv/bin/uv" pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
"$venv/bin/uv" pip install --quiet --no-deps -e .
env -u PYTHONDONTWRITEBYTECODE "$venv/bin/python" -m compileall -q src
