// htmx is loaded as a classic script before all modules; this is the only place that knows its global name.
export const { htmx } = globalThis;
