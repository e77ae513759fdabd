/**
 * The library of both WebAuthn ceremonies, which the first one loads: its certificate parsers are an eighth of
 * everything that a start would otherwise wait for.
 */
export function loadWebAuthn() {
  return import('@simplewebauthn/server');
}
