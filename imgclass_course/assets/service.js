"use strict";
// The page of the service: made from /openapi.json. Whatever comes from there, or from a picture's name, is text.

const element = (id) => document.getElementById(id);

function made(tag, text = "", className = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = className;
  return node;
}

function table(titles, rows) {
  const found = document.createElement("table");
  const head = found.createTHead().insertRow();
  for (const title of titles) {
    const cell = made("th", title);
    cell.scope = "col";
    head.append(cell);
  }
  const body = found.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const text of row) line.insertCell().textContent = text;
  }
  return found;
}

const nameOf = (schema) => schema.$ref.split("/").pop();

function kindOf(schema) {
  if (schema.$ref) return nameOf(schema);
  if (schema.oneOf) return schema.oneOf.map(kindOf).join(" or ");
  if (schema.type === "array") return `list of ${kindOf(schema.items)}`;
  if (schema.additionalProperties) return `${kindOf(schema.additionalProperties)} by name`;
  if (schema.properties) return `{${Object.entries(schema.properties).map(([name, part]) => `${name}: ${kindOf(part)}`).join(", ")}}`;
  return schema.contentEncoding || [schema.type || "bytes"].flat().join(" or ");
}

function showOperation(path, method, operation) {
  const title = document.createElement("h3");
  title.append(made("span", method.toUpperCase(), "method"), path);
  const parts = [title, made("p", operation.description || operation.summary)];
  if (operation.parameters) {
    parts.push(table(["parameter", "kind", "meaning"], operation.parameters.map((one) => [
      `?${one.name}=`, `${kindOf(one.schema)}, ${one.schema.default} by default`, one.description])));
  }
  if (operation.requestBody) {
    parts.push(table(["Content-Type", "body"], Object.entries(operation.requestBody.content).map(([kind, media]) => [kind, kindOf(media.schema)])));
  }
  parts.push(table(["status", "answer", "meaning"], Object.entries(operation.responses).map(([status, answer]) => [
    status, nameOf(answer.content["application/json"].schema), answer.description])));
  element("operations").append(...parts);
}

function showSchema(name, schema) {
  const rows = Object.entries(schema.properties).map(([key, part]) => [key, kindOf(part), part.description || ""]);
  element("schemas").append(made("h3", name), table(["key", "kind", "meaning"], rows));
}

async function showDescription() {
  const description = await (await fetch("openapi.json")).json();
  element("title").textContent = `${description.info.title} ${description.info.version}`;
  const health = await (await fetch("health")).json();
  const { name, classes, backbone, image_size: size, fingerprint } = health.classifier;
  element("about").textContent = `${name}: ${classes} classes, ${backbone} at ${size} pixels, fingerprint ${fingerprint}`;
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) showOperation(path, method, operation);
  }
  for (const [schema, shape] of Object.entries(description.components.schemas)) showSchema(schema, shape);
  document.body.dataset.ready = "yes";
}

function inWords(answer) {
  if (answer.problem) return answer.problem;
  const shares = Object.entries(answer.probabilities).map(([name, share]) => `${name} ${(100 * share).toFixed(1)} %`);
  return shares.join(", ") + (answer.none_of_these ? "; perhaps none of these" : "");
}

async function tryPictures() {
  if (!element("pictures").files.length) return;
  const form = new FormData();
  for (const file of element("pictures").files) form.append("picture", file);
  element("status").className = "";
  element("status").textContent = "…";
  let answer;
  try {
    answer = await (await fetch("predict", { method: "POST", body: form })).json();
  } catch (error) {
    answer = { error: { message: `The service does not answer (${error.message}).` } };
  }
  element("status").textContent = answer.error ? answer.error.message : "";
  element("status").className = answer.error ? "problem" : "";
  const rows = element("answers").tBodies[0];
  rows.replaceChildren();
  for (const one of answer.pictures || []) {
    const line = rows.insertRow();
    line.insertCell().textContent = one.name;
    line.insertCell().textContent = inWords(one);
  }
  element("answers").hidden = !rows.rows.length;
  element("raw").hidden = false;
  element("raw").textContent = JSON.stringify(answer, null, 2);
}

element("pictures").addEventListener("change", tryPictures);
showDescription();
