// Between WebAuthn's objects and JSON. Browsers have functions for that, but not all in use, and
// some password managers answer with plain objects that lack them.

/** Bytes of a text in base64url. */
export function decode(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

/** An ArrayBuffer, or bytes, in base64url. */
export function encode(buffer) {
  const bytes = new Uint8Array(buffer);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The site's options, as navigator.credentials takes them. */
export function optionsFrom(json) {
  const descriptors = (list) => list?.map((one) => ({ ...one, id: decode(one.id) }));
  const options = { ...json, challenge: decode(json.challenge) };
  if (json.user) options.user = { ...json.user, id: decode(json.user.id) };
  if (json.excludeCredentials) options.excludeCredentials = descriptors(json.excludeCredentials);
  if (json.allowCredentials) options.allowCredentials = descriptors(json.allowCredentials);
  return options;
}

const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

/** The parts of a credential that the site gets. */
export function answerFrom(credential) {
  const response = {};
  for (const name of PARTS) {
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  }
  return { id: credential.id, rawId: encode(credential.rawId), type: credential.type, response };
}

const SENTENCES = {
  NotAllowedError: "No passkey was used: the request was canceled, took too long, or found none for this site.",
  InvalidStateError: "This device or password manager already keeps a passkey of yours for this site.",
  SecurityError: "The browser allows no passkeys at this address.",
  NotSupportedError: "This device offers no passkey of a kind that the site takes.",
};

/** The message for a person about what went wrong. */
export function sentenceOf(error) {
  return SENTENCES[error.name] ?? "The browser could not use a passkey. Try again, or choose another way.";
}
