#!/usr/bin/env bash
# Build the wheel and use it in an empty venv outside this tree, as its users would: first as a library and a command, with
# nothing but what it requires; then as on Colab, where a lesson's first cell installs what the course needs.
# PYTHON makes the empty venv; BIN is the folder of programs of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
tools=$top/${BIN:-.venv/bin}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$tools/python" -m build --no-isolation --outdir "$folder/dist" . > "$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }
wheel=$(echo "$folder"/dist/*.whl)

"${PYTHON:-python3}" -m venv "$folder/venv"
bin=$folder/venv/bin
pip=("$bin/python" -m pip --quiet --disable-pip-version-check)
# uv is quicker, and does not know pip's settings: where it finds no packages, pip installs them.
install() {
  "$tools/uv" pip install --quiet --python "$bin/python" --constraint "$top/constraints.txt" "$@" ||
    "${pip[@]}" install --constraint "$top/constraints.txt" "$@"
}
install "$wheel"
"${pip[@]}" check

# A home of its own, so that no cache of this machine helps; another folder, so that no file of the tree is found.
mkdir "$folder/home" "$folder/work"
cd "$folder/work"
export HOME=$folder/home XDG_CACHE_HOME=$folder/home/.cache
package=$("$bin/python" -c 'import imgclass_course; print(imgclass_course.__path__[0])')
case $package in "$folder"/*) ;; *) echo "imgclass_course was imported from $package, not from the wheel"; exit 1 ;; esac
test -f "$package/py.typed" || { echo "The wheel holds no py.typed: type checkers would not see its types"; exit 1; }

"$bin/imgclass" --help > /dev/null
"$bin/imgclass" retrain --image_dir "$package/data/clipart" --how_many_training_steps 20 --output_graph classifier
picture=$(find "$package/data/clipart/fruit" -name '*.jpg' | sort | head -n 1)
"$bin/imgclass" label --graph classifier "$picture"

# What needs the extra says so, in one line.
for command in "lab lessons --no_browser" "retrain $package/data/clipart --flip_left_right"; do
  # shellcheck disable=SC2086
  said=$("$bin/imgclass" $command 2>&1 > /dev/null) && { echo "imgclass $command ran without the extra"; exit 1; }
  case $said in
    *$'\n'*) echo "imgclass $command did not say in one line what to install:"; echo "$said"; exit 1 ;;
    *'pip install "imgclass_course[course]"'*) ;;
    *) echo "imgclass $command did not say what to install: $said"; exit 1 ;;
  esac
done

# The lessons came along.
count=$(find "$package/notebooks" -name '[0-9][0-9]*.ipynb' | wc -l)
if [ "$count" -eq 0 ]; then echo "The wheel holds no lessons"; exit 1; fi

# The first cell finds that the course is missing and installs it, from the wheel that lies beside the lesson.
"${pip[@]}" uninstall --yes imgclass_course
install ipykernel nbconvert
cp "$top/nbs/01_images.ipynb" "$wheel" .
PIP_CONSTRAINT=$top/constraints.txt "$bin/jupyter" nbconvert --log-level WARN --to notebook --execute --inplace \
  01_images.ipynb

# The headless build of OpenCV last, as README.md tells: it needs no libGL.
install --force-reinstall --no-deps opencv-python-headless
"${pip[@]}" check
"$bin/python" -W ignore -c 'import imgclass_course, imgaug, jupyterlab, tensorflow_hub'
echo "Wheel: retrained and labelled with what it requires; $count lessons; the course installed by a lesson's first cell"
