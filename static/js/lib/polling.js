// Which predictions one status request asks for.

export const MAX_POLLED = 200; // as in diagnosis/views/status.py

/** The ids, each once, in page order, at most MAX_POLLED. The rest follow as the first ones end. */
export const polledIds = (ids) => [...new Set(ids)].slice(0, MAX_POLLED);
