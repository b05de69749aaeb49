"use strict";
// The classifier in the browser: a picture as the network wants it, the network itself, and how far a picture is from what is
// known. The page needs decode(file) and classify(picture).

const about = JSON.parse(document.getElementById("about").textContent); // see outputs/web_page.py

class PictureError extends Error {} // a picture that cannot be used; the message is the reason, in words

// A picture as the network wants it. The network was trained on squares that Pillow made, so they are made as Pillow makes
// them, bit for bit: along each row first, then along each column, with weights in whole numbers and bytes in between.

const PRECISION = 22; // bits of a weight: 32, less 8 of a pixel's value and 2 to spare
const HALF = 1 << (PRECISION - 1); // is added before a sum is shifted, so that it is rounded
const BAND = 64; // rows of a picture that are looked at together: a large photo is never in memory twice

function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

const FILTERS = {
  squash: { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) }, // bilinear
  crop: { reach: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) }, // Lanczos
};

// For each of `size` new pixels: the first old one that counts, of `length`, and the weights from there on. What lies between
// `start` and `end` becomes the new pixels.
function weigh(length, start, end, size, filter) {
  const scale = (end - start) / size;
  const stretch = Math.max(scale, 1); // where a picture shrinks, all its pixels count
  const reach = filter.reach * stretch;
  return Array.from({ length: size }, (_, place) => {
    const center = start + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const last = Math.min(length, Math.trunc(center + reach + 0.5));
    const exact = Array.from({ length: last - first }, (_, x) => filter.weight((x + first - center + 0.5) * (1 / stretch)));
    const total = exact.reduce((sum, weight) => sum + weight, 0);
    const whole = exact.map((weight) => (weight / total) * (1 << PRECISION));
    return { first, weights: Int32Array.from(whole, (weight) => Math.trunc(weight + (weight < 0 ? -0.5 : 0.5))) };
  });
}

// Write one row of `size` new pixels (RGB) from a row of old ones (RGBA, from `offset` on).
function shrinkRow(pixels, offset, columns, target, at) {
  for (const { first, weights } of columns) {
    let [red, green, blue] = [HALF, HALF, HALF];
    for (let x = 0, from = offset + 4 * first; x < weights.length; x++, from += 4) {
      red += pixels[from] * weights[x];
      green += pixels[from + 1] * weights[x];
      blue += pixels[from + 2] * weights[x];
    }
    target[at++] = red >> PRECISION;
    target[at++] = green >> PRECISION;
    target[at++] = blue >> PRECISION;
  }
}

// Bring rows of `width` numbers down to as many as `places` says.
function shrinkColumns(rows, width, begin, places) {
  const result = new Uint8ClampedArray(places.length * width);
  places.forEach(({ first, weights }, place) => {
    for (let x = 0; x < width; x++) {
      let sum = HALF;
      for (let y = 0; y < weights.length; y++) sum += rows[(first - begin + y) * width + x] * weights[y];
      result[place * width + x] = sum >> PRECISION;
    }
  });
  return result;
}

function middleSquare(width, height) {
  const side = Math.min(width, height);
  const [left, top] = [(width - side) * 0.5, (height - side) * 0.5];
  return [left, top, left + side, top + side];
}

// Return a picture as RGB bytes [size, size, 3]. `readRows(top, count)` gives rows of it as RGBA bytes.
function prepare(width, height, readRows, size, preparation) {
  const box = preparation === "crop" ? middleSquare(width, height) : [0, 0, width, height];
  const columns = weigh(width, box[0], box[2], size, FILTERS[preparation]);
  const places = weigh(height, box[1], box[3], size, FILTERS[preparation]);
  const begin = places[0].first;
  const end = places[size - 1].first + places[size - 1].weights.length;
  const rows = new Uint8ClampedArray((end - begin) * size * 3);
  for (let top = begin; top < end; top += BAND) {
    const count = Math.min(BAND, end - top);
    const pixels = readRows(top, count);
    for (let row = 0; row < count; row++) {
      shrinkRow(pixels, row * width * 4, columns, rows, (top - begin + row) * size * 3);
    }
  }
  return shrinkColumns(rows, size * 3, begin, places);
}

// Return the function that reads rows of a decoded picture as RGBA bytes, at most `most` at once; what is transparent becomes
// white.
function rowReader(bitmap, most) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, Math.min(most, bitmap.height)];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return (top, count) => {
    context.fillStyle = "white";
    context.fillRect(0, 0, bitmap.width, count);
    context.drawImage(bitmap, 0, top, bitmap.width, count, 0, 0, bitmap.width, count);
    return context.getImageData(0, 0, bitmap.width, count).data;
  };
}

// A large JPEG is decoded at a reduced scale before it becomes a square, for speed. No browser offers that; the average of
// scale x scale pixels is nearly the same.
function reducedScale(width, height, size) {
  const most = Math.floor(Math.min(width, height) / (2 * size));
  return [8, 4, 2].find((scale) => scale <= most) ?? 1;
}

function reduceRows(readRows, width, height, scale) {
  return (top, count) => {
    const oldRows = Math.min(count * scale, height - top * scale);
    const old = readRows(top * scale, oldRows);
    const reduced = new Uint8ClampedArray(count * Math.ceil(width / scale) * 4);
    let at = 0;
    for (let y = 0; y < oldRows; y += scale) {
      for (let x = 0; x < width; x += scale, at += 4) {
        average(old, width, x, y, Math.min(x + scale, width), Math.min(y + scale, oldRows), reduced, at);
      }
    }
    return reduced;
  };
}

function average(pixels, width, left, top, right, bottom, target, at) {
  let [red, green, blue] = [0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let from = 4 * (y * width + left), end = 4 * (y * width + right); from < end; from += 4) {
      red += pixels[from];
      green += pixels[from + 1];
      blue += pixels[from + 2];
    }
  }
  const count = (right - left) * (bottom - top);
  target[at] = red / count; // rounded by the array
  target[at + 1] = green / count;
  target[at + 2] = blue / count;
}

// Return a decoded picture as the network wants it.
function prepareBitmap({ bitmap, isJpeg }, size) {
  const { width, height } = bitmap;
  const scale = isJpeg && about.preparation === "squash" ? reducedScale(width, height, size) : 1;
  const readRows = rowReader(bitmap, BAND * scale);
  if (scale === 1) return prepare(width, height, readRows, size, about.preparation);
  const reduced = reduceRows(readRows, width, height, scale);
  return prepare(Math.ceil(width / scale), Math.ceil(height / scale), reduced, size, about.preparation);
}

// Return a file's width and height without decoding its pixels.
async function measure(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject }));
    return [image.naturalWidth, image.naturalHeight];
  } catch {
    throw new PictureError("this browser reads no picture in it");
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

async function startsAsJpeg(file) {
  const bytes = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

// Decode a file as it was saved, the right way up, and say whether it is a JPEG. Throws PictureError.
async function decode(file) {
  if (file.size === 0) throw new PictureError("the file is empty");
  if (file.size > about.most_bytes) {
    throw new PictureError(`the file has ${file.size.toLocaleString("en")} bytes; the limit is ${about.most_bytes.toLocaleString("en")}`);
  }
  const [width, height] = await measure(file);
  if (width * height > about.most_pixels) {
    throw new PictureError(`the picture has more than ${about.most_pixels.toLocaleString("en")} pixels`);
  }
  try {
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    return { bitmap, isJpeg: await startsAsJpeg(file) };
  } catch {
    throw new PictureError(file.type.startsWith("image/svg") ? "it is an SVG drawing" : "the picture is cut short or damaged");
  }
}

// What the page holds as text: base64 of compressed bytes

async function unpack(id) {
  const element = document.getElementById(id);
  const text = atob(element.textContent);
  element.remove(); // the text is as large as what it holds
  const packed = new Uint8Array(text.length);
  for (let place = 0; place < packed.length; place++) packed[place] = text.charCodeAt(place);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The network: LiteRT, compiled to WebAssembly, runs the classifier's own file

const PROBABILITIES = 0; // the results of a LiteRT file, in their order
const VECTOR = 1;
const THREADS = 1; // several would need memory that they share, which a page from a file cannot have

function store(runtime, bytes) {
  const place = runtime._malloc(bytes.length);
  runtime.HEAPU8.set(bytes, place);
  return place;
}

async function startNetwork(binary, file) {
  const runtime = await ModuleFactory({ wasmBinary: binary, print: console.debug, printErr: console.debug });
  const environment = runtime.LiteRtEnvironment.create(null); // without a graphics card
  const model = runtime.loadModel(environment, store(runtime, file), file.length);
  const options = { accelerator: "wasm", cpuOptions: { numThreads: THREADS }, gpuOptions: {}, webNNOptions: {} };
  const network = await runtime.compileModel(environment, model, options);
  const { HOST_MEMORY } = runtime.LiteRtTensorBufferType;
  const { READ, WRITE } = runtime.LiteRtTensorBufferLockMode;
  const entries = about.sizes.map((_, number) => {
    const type = model.getInputTensorType(0, number);
    return runtime.LiteRtTensorBuffer.createManaged(environment, HOST_MEMORY, type, type.bytes());
  });

  function write(entry, pixels) {
    runtime.HEAPU8.set(pixels, entry.lock(WRITE));
    entry.unlock();
  }

  function read(result) {
    const start = result.lock(READ);
    const bytes = runtime.HEAPU8.slice(start, start + result.packedSize());
    result.unlock();
    result.delete();
    return new Float32Array(bytes.buffer);
  }

  // Return the results [numbers, ...] of pixels in the size of each network.
  return async (pixels) => {
    entries.forEach((entry, number) => write(entry, pixels[number]));
    const results = await network.run(0, entries);
    return results.map(read);
  };
}

// How far a picture is from what is known: the cosine distance to the nearest vector of a training picture

function fromHalf(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  return sign * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
}

function distanceTo(known, vector) {
  const length = Math.max(Math.hypot(...vector), 1e-6);
  let nearest = -Infinity;
  for (let start = 0; start < known.length; start += vector.length) {
    let product = 0;
    for (let place = 0; place < vector.length; place++) product += known[start + place] * vector[place];
    nearest = Math.max(nearest, product / length);
  }
  return Math.max(1 - nearest, 0);
}

// All of it together

async function start() {
  const [binary, file] = [await unpack("runtime"), await unpack("model")];
  const known = about.threshold === null ? null : Float32Array.from(new Uint16Array((await unpack("known-vectors")).buffer), fromHalf);
  return { run: await startNetwork(binary, file), known };
}

const started = start();

// Return what a decoded picture is taken for: the classes with their probabilities, likeliest first; how far it is from what
// is known (null where nobody can tell), and whether it is perhaps none of these.
async function classify(picture) {
  const { run, known } = await started;
  const results = await run(about.sizes.map((size) => prepareBitmap(picture, size)));
  const classes = about.classes.map((name, number) => ({ name, probability: results[PROBABILITIES][number] }));
  classes.sort((one, other) => other.probability - one.probability);
  const distance = known && distanceTo(known, results[VECTOR]);
  return { classes, distance, noneOfThese: distance !== null && distance > about.threshold };
}
