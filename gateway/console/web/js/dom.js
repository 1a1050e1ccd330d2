/* Elements without markup in strings: nothing a message says can become markup or script. */

const SVG = 'http://www.w3.org/2000/svg';

function put(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'open') node[name] = value;
  else if (value === true) node.setAttribute(name, '');
  else node.setAttribute(name, value);
}

function add(node, child) {
  if (child === null || child === undefined || child === false) return;
  if (Array.isArray(child)) child.forEach((one) => add(node, one));
  else node.append(child instanceof Node ? child : document.createTextNode(String(child)));
}

export function el(tag, attrs, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) put(node, name, value);
  add(node, children);
  return node;
}

export function svg(tag, attrs, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attrs ?? {})) put(node, name, value);
  add(node, children);
  return node;
}

export function fill(node, ...children) {
  const fresh = document.createDocumentFragment();
  add(fresh, children);
  node.replaceChildren(fresh);
  return node;
}

/* Words that stand are not said again to who hears the page. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/* Once what was drawn now is on the screen; in a tab nobody sees, when somebody does. */
export function painted() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

/* As fill(), for children that listen to nothing: what would look the same stays, and with it focus, selection
 * and layout. */
export function refill(node, ...children) {
  const fresh = node.cloneNode(false);
  add(fresh, children);
  if (!fresh.isEqualNode(node)) node.replaceChildren(...fresh.childNodes);
  return node;
}

/* Brings a list's children in line with `items`, keeping the nodes of those that did not change:
 * key(item), version(item) and draw(item) belong together. What is gone goes first: so what stays need not be moved,
 * and keeps focus and press. */
export function fillKeyed(node, items, { key, version, draw }) {
  const names = new Set(items.map((item) => String(key(item))));
  for (const child of [...node.children]) if (!names.has(child.dataset.key)) child.remove();
  const old = new Map();
  for (const child of node.children) old.set(child.dataset.key, child);
  let at = node.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const stamp = String(version(item));
    let child = old.get(name);
    let held = false;
    if (!child || child.dataset.version !== stamp) {
      const fresh = draw(item);
      fresh.dataset.key = name;
      fresh.dataset.version = stamp;
      if (child) {
        held = child.contains(document.activeElement);
        if (at === child) at = child.nextElementSibling;
        child.replaceWith(fresh);
      }
      child = fresh;
    }
    if (child === at) at = at.nextElementSibling;
    else node.insertBefore(child, at);
    if (held) (child.matches('a,button') ? child : child.querySelector('a,button') ?? child).focus(); /* where it stands now: moved, it would lose it */
  }
}
