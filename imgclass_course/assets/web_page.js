"use strict";
// The page around the classifier. Names of files and classes come from strangers: they are only ever text, never HTML.

const byId = (id) => document.getElementById(id);
const PERCENT = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const SHOWN_SIDE = 1280; // pixels of the longer side of the picture on the page
const FROM_CAMERA = "From the camera";
const CAMERA_PROBLEMS = {
  NotAllowedError: "The camera may not be used: allow it for this page in the browser, or choose a picture.",
  NotFoundError: "There is no camera here: choose a picture.",
  NotReadableError: "The camera cannot be used while another program uses it: end that, or choose a picture.",
};

let turn = 0; // goes up with each picture that is asked for: what an earlier one would say is not said any more
let stream = null; // of the camera, while it is on
let seen = null; // the answer to the last picture of the camera

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function say(text, isProblem = false) {
  if (byId("status").textContent !== text) byId("status").textContent = text; // what is said again is read out again
  byId("status").classList.toggle("problem", isProblem);
}

function showClass({ name, probability }) {
  const filled = make("div");
  filled.style.width = `${100 * probability}%`;
  const bar = make("div", { className: "bar", ariaHidden: "true" }, filled);
  return make("li", {}, make("bdi", {}, name), make("span", { className: "share" }, PERCENT.format(probability)), bar);
}

function showAnswer(answer) {
  byId("classes").replaceChildren(...answer.classes.slice(0, about.shown_classes).map(showClass));
  byId("strange").hidden = !answer.noneOfThese;
}

function showNothing() {
  seen = null;
  byId("picture").hidden = true;
  byId("name").textContent = "";
  showAnswer({ classes: [], noneOfThese: false });
}

function draw(bitmap, name) {
  const scale = Math.min(1, SHOWN_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = byId("picture");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  canvas.ariaLabel = name;
  canvas.hidden = false;
  byId("name").replaceChildren(make("bdi", {}, name));
}

function sayAnswer(answer) {
  const [{ name, probability }] = answer.classes;
  say(answer.noneOfThese ? "Perhaps none of these" : `${name}, ${PERCENT.format(probability)}`);
}

// A file that was chosen, dropped or pasted

async function showFile(file) {
  closeCamera();
  const mine = ++turn;
  say("Looking…");
  try {
    const picture = await decode(file);
    const answer = await classify(picture);
    if (mine === turn) {
      draw(picture.bitmap, file.name);
      showAnswer(answer);
      sayAnswer(answer);
    }
    picture.bitmap.close();
  } catch (error) {
    if (mine === turn) {
      showNothing();
      say(problemWith(file.name, error), true);
    }
  }
}

function problemWith(name, error) {
  if (error instanceof PictureError) {
    return `${name || "This"} cannot be used: ${error.message}. Choose a photo or drawing, such as a JPEG or PNG file.`;
  }
  return `The classifier could not look at ${name || "this"} (${error?.message ?? error}). Load the page again.`;
}

function fileIn(transfer) {
  return [...transfer.files][0];
}

byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length) showFile(target.files[0]);
  target.value = ""; // so that the same one can be chosen again
});
document.addEventListener("paste", ({ clipboardData }) => {
  const file = fileIn(clipboardData);
  if (file) showFile(file);
  else say("There is no picture on the clipboard: copy one, and not its name or address.", true);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("dropping"); // it left the page
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const file = fileIn(event.dataTransfer);
  if (file) showFile(file);
  else say("What was dropped is no file: save the picture first, then drop its file.", true);
});

// The camera: what it sees is looked at again and again, until it is stopped. The last picture stays.

async function openCamera() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch (error) {
    throw new Error(CAMERA_PROBLEMS[error.name] ?? `The camera cannot be used (${error.message}): choose a picture.`);
  }
}

async function startCamera() {
  const mine = ++turn;
  say("Waiting for the camera…");
  try {
    const opened = await openCamera();
    if (mine !== turn) return release(opened); // a file was chosen in the meantime
    stream = opened;
    stream.getVideoTracks()[0].addEventListener("ended", stopCamera); // it was unplugged
    byId("camera").textContent = "Stop the camera";
    await showVideo();
    while (mine === turn && stream) await lookThroughCamera(mine);
  } catch (error) {
    if (mine !== turn) return;
    closeCamera();
    say(error.message, true);
  }
}

async function showVideo() {
  const video = byId("video");
  video.srcObject = stream;
  await video.play();
  showNothing();
  video.hidden = false;
  say("Looking through the camera");
}

async function lookThroughCamera(mine) {
  const bitmap = await createImageBitmap(byId("video"));
  const answer = await classify({ bitmap, isJpeg: false });
  if (mine === turn && stream) {
    draw(bitmap, FROM_CAMERA);
    byId("picture").hidden = true; // what moves is seen instead
    showAnswer(answer);
    seen = answer;
  }
  bitmap.close();
  await new Promise(requestAnimationFrame); // the page is drawn, and its buttons work
}

function release(opened) {
  opened.getTracks().forEach((track) => track.stop());
}

function closeCamera() {
  if (stream) release(stream);
  stream = null;
  byId("video").srcObject = null;
  byId("video").hidden = true;
  byId("camera").textContent = "Use the camera";
}

// Stop the camera and keep the last picture that was looked at.
function stopCamera() {
  turn++;
  closeCamera();
  byId("picture").hidden = seen === null;
  if (seen) sayAnswer(seen);
  else say("The camera is off");
}

byId("camera").addEventListener("click", () => (stream ? stopCamera() : startCamera()));
addEventListener("pagehide", closeCamera);

// What the page says from the beginning

byId("camera").hidden = !navigator.mediaDevices?.getUserMedia;
byId("known").textContent = `It knows ${about.classes.length} classes`;
byId("names").replaceChildren(...about.classes.flatMap((name, number) => [number ? ", " : "", make("bdi", {}, name)]));
started.then(
  () => turn || say("Ready: choose a picture"),
  (error) => say(`This browser cannot run the classifier (${error?.message ?? error}): use a current one.`, true),
);
