#!/usr/bin/env bash
# Build the wheel and use it in an empty venv outside this tree, as its user would: first as on Colab, where a lesson's
# first cell installs it, then as a command.
# PYTHON makes the empty venv; BUILD is a Python that has the package `build`.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${BUILD:-python3}" -m build --outdir "$folder/dist" . > "$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }

"${PYTHON:-python3}" -m venv "$folder/venv"
bin=$folder/venv/bin
pip=("$bin/python" -m pip --quiet --disable-pip-version-check)
"${pip[@]}" install --constraint "$top/constraints.txt" ipykernel nbconvert

# A home of its own, so that no cache of this machine helps; another folder, so that no file of the tree is found.
mkdir "$folder/home" "$folder/work"
cd "$folder/work"
export HOME=$folder/home XDG_CACHE_HOME=$folder/home/.cache

# The first cell finds that the course is missing and installs it, from the wheel that lies beside the lesson.
if "$bin/python" -c 'import imgclass_course' 2> /dev/null; then echo "The course is there before it is installed"; exit 1; fi
cp "$top/nbs/01_images.ipynb" "$folder"/dist/*.whl .
PIP_CONSTRAINT=$top/constraints.txt "$bin/jupyter" nbconvert --log-level WARN --to notebook --execute --inplace \
  01_images.ipynb

# The headless build of OpenCV last, as README.md tells: it needs no libGL.
"${pip[@]}" install --constraint "$top/constraints.txt" --force-reinstall --no-deps opencv-python-headless
"${pip[@]}" check
package=$("$bin/python" -c 'import imgclass_course; print(imgclass_course.__path__[0])')
case $package in "$folder"/*) ;; *) echo "imgclass_course was imported from $package, not from the wheel"; exit 1 ;; esac

"$bin/python" -c 'import imgaug'
"$bin/imgclass" --help > /dev/null
"$bin/imgclass" retrain --image_dir "$package/data/clipart" --how_many_training_steps 20 --output_graph classifier
picture=$(find "$package/data/clipart/fruit" -name '*.jpg' | sort | head -n 1)
"$bin/imgclass" label --graph classifier "$picture"

# The lessons came along.
count=$(find "$package/notebooks" -name '[0-9][0-9]*.ipynb' | wc -l)
if [ "$count" -eq 0 ]; then echo "The wheel holds no lessons"; exit 1; fi
echo "Wheel: installed by a lesson's first cell; $count lessons; retrained and labelled in an empty environment"
