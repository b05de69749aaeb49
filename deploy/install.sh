#!/usr/bin/env bash
# Make an environment that serves a classifier, and is small:
#   deploy/install.sh FOLDER SOURCE      SOURCE is this repository, or a wheel of it
# The Dockerfile runs this, and scripts/check_service.sh does, without Docker. PYTHON is the Python that it is made of.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 source=$2
python=${PYTHON:-python3}

"$python" -m venv --without-pip "$folder"
pip=("$python" -m pip --quiet --disable-pip-version-check --python "$folder/bin/python" install --no-cache-dir)
"${pip[@]}" --constraint "$here/../constraints.txt" --requirement "$here/requirements.txt"
"${pip[@]}" --no-deps "$source"

# What comes along and is not used to serve: lessons, data and weights of the course (a saved classifier holds its own), what
# LiteRT brings for phones and graphics cards, and NumPy's tests.
cd "$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
rm -rf imgclass_course/notebooks imgclass_course/data imgclass_course/assets/*.npz
rm -rf ai_edge_litert/vendors ai_edge_litert/tools ai_edge_litert/libLiteRtWebGpuAccelerator.so
find numpy -type d -name tests -prune -exec rm -rf {} +
