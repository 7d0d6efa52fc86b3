// Whose page this is: in another tab of the browser another person may have logged in.

/** Whether an answer with this X-Person header is for somebody else than the page's person. */
export const isOther = (answered, own) => Boolean(answered && own) && answered !== own;

/** Whether an answer belongs to no session of the page's person. address: the one that answered. */
export function isForeign(address, answered, { login, user }) {
  return Boolean(address) && (new URL(address).pathname === login || isOther(answered, user));
}
