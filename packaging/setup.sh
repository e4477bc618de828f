#!/bin/sh
# Prepare a checkout: missing system libraries (Debian, Ubuntu), .venv with pinned packages.
# Usage: packaging/setup.sh PYTHON VENV
set -eu
python=$1
venv=$2
here=$(dirname "$0")

missing_packages() {
    while read -r package; do
        # fonts and xvfb included: the same list serves a desktop and a server
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done < "$here/system-packages.txt"
    "$python" -c 'import ensurepip' 2>/dev/null || echo python3-venv
}

if command -v apt-get >/dev/null 2>&1; then
    packages=$(missing_packages | tr '\n' ' ')
    if [ -n "$packages" ]; then
        sudo=""
        [ "$(id -u)" = 0 ] || sudo="sudo"
        echo "Installing system libraries: $packages"
        if ! { $sudo apt-get update -q -y && $sudo env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends $packages; }; then
            echo "Could not install them; ask your administrator for: $packages" >&2
            exit 1
        fi
    fi
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "GeoView needs Python 3.11 or newer; this is $("$python" --version)." >&2
    exit 1
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# torch first and by its exact version: an open range would pull a build with gigabytes of CUDA
# wherever the small one is at hand.
torch=$(grep '^torch==' "$here/constraints.txt")
"$venv/bin/python" -m pip install -q --no-input "$torch"
"$venv/bin/python" -m pip install -q --no-input -c "$here/constraints.txt" -e "$here/..[dev]"
