// The stream of changes: a state first, then what is new in it.

const GONE = "\x00gone";

export function apply(state, change) {
  for (const key of change[GONE] ?? []) delete state[key];
  for (const [key, value] of Object.entries(change)) {
    if (key === GONE) continue;
    const old = state[key];
    if (isPlain(value) && isPlain(old)) apply(old, value);
    else state[key] = value;
  }
  return state;
}

function isPlain(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

export function follow(root, panels, args, onState, onLink) {
  const query = new URLSearchParams({ panels: panels.join(","), ...args });
  let state = {};
  const source = new EventSource(`${root}stream?${query}`);
  source.onopen = () => { state = {}; onLink("live"); };
  source.onerror = () => onLink(source.readyState === EventSource.CLOSED ? "gone" : "waiting");
  source.onmessage = (event) => {
    const change = JSON.parse(event.data);
    state = apply(state, change);
    onState(state, change);
  };
  return () => source.close();
}
