import type {
  Actor,
  Authentication,
  AuthorizationDetail,
  Confirmation,
  EntityType,
  VerifiedToken,
} from './token.ts';
import { TokenError } from './token-error.ts';

type Claims = Readonly<Record<string, unknown>>;

/** The longest delegation chain that is read. */
const MAX_ACTORS = 16;

/**
 * Reads the payload of an access token into the typed form, trusting nothing about its shape.
 *
 * Says nothing about the signature: the caller checks that. Throws `claims` for a payload that lacks
 * a claim that RFC 9068 §2.2 requires or carries one of the wrong type, `audience` for a token made
 * out to several resources (stricter than RFC 9068 §4: such a token could be replayed by each of
 * them at the others).
 */
export function readClaims(claims: Claims): VerifiedToken {
  const notBefore = optional(claims, 'nbf', seconds);
  const token: VerifiedToken = {
    issuer: required(claims, 'iss', text),
    audience: audienceOf(claims['aud']),
    subject: required(claims, 'sub', text),
    subjectType: optional(claims, 'sub_type', entityType),
    clientId: required(claims, 'client_id', text),
    scopes: scopesOf(optional(claims, 'scope', anyText)),
    issuedAt: required(claims, 'iat', seconds),
    notBefore,
    expiresAt: required(claims, 'exp', seconds),
    id: required(claims, 'jti', text),
    actors: actorsOf(claims['act']),
    authentication: authenticationOf(claims),
    tenant: optional(claims, 'tenant', text),
    grantId: optional(claims, 'grant_id', text),
    clientTrust: optional(claims, 'client_trust', text),
    confirmation: confirmationOf(claims['cnf']),
    authorizationDetails: detailsOf(claims['authorization_details']),
    claims,
  };
  if (token.expiresAt <= token.issuedAt) throw unusable('exp');
  return token;
}

type Reader<T> = (value: unknown) => T | undefined;

const text: Reader<string> = (value) => (typeof value === 'string' && value !== '' ? value : undefined);
const anyText: Reader<string> = (value) => (typeof value === 'string' ? value : undefined);
const seconds: Reader<number> = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
const entityType: Reader<EntityType> = (value) =>
  value === 'user' || value === 'service' || value === 'agent' ? value : undefined;
const texts: Reader<readonly string[]> = (value) =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined;

function required<T>(claims: Claims, name: string, read: Reader<T>): T {
  const value = read(claims[name]);
  if (value === undefined) throw unusable(name);
  return value;
}

function optional<T>(claims: Claims, name: string, read: Reader<T>): T | undefined {
  return claims[name] === undefined ? undefined : required(claims, name, read);
}

function audienceOf(value: unknown): string {
  const list = texts(typeof value === 'string' ? [value] : value);
  if (list === undefined || list[0] === undefined) throw unusable('aud');
  if (list.length > 1) throw new TokenError('audience', 'the token names more than one audience');
  return list[0];
}

function scopesOf(scope: string | undefined): readonly string[] {
  return scope === undefined ? [] : [...new Set(scope.split(' ').filter((name) => name !== ''))];
}

/** RFC 8693 §4.1: the outermost `act` is the one who acts now, each one inside it acted before. */
function actorsOf(value: unknown): readonly Actor[] {
  const actors: Actor[] = [];
  for (let act = value; act !== undefined; ) {
    if (!isObject(act) || actors.length === MAX_ACTORS) throw unusable('act');
    actors.push({ subject: required(act, 'sub', text), type: optional(act, 'sub_type', entityType) });
    act = act['act'];
  }
  return actors;
}

function authenticationOf(claims: Claims): Authentication | undefined {
  const time = optional(claims, 'auth_time', seconds);
  const acr = optional(claims, 'acr', text);
  const amr = optional(claims, 'amr', texts) ?? [];
  return time === undefined && acr === undefined && amr.length === 0 ? undefined : { time, acr, amr };
}

/** A confirmation method that we do not know binds the token all the same, so it is never dropped. */
function confirmationOf(value: unknown): Confirmation | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw unusable('cnf');
  const known = { jkt: optional(value, 'jkt', text), x5t: optional(value, 'x5t#S256', text) };
  if (known.jkt === undefined && known.x5t === undefined) throw unusable('cnf');
  return known;
}

function detailsOf(value: unknown): readonly AuthorizationDetail[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every(isDetail)) throw unusable('authorization_details');
  return value;
}

function isDetail(value: unknown): value is AuthorizationDetail {
  return isObject(value) && text(value['type']) !== undefined;
}

/** Whether a JSON value is an object, that is neither null nor a list. */
export function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(claim: string): TokenError {
  return new TokenError('claims', `the claim ${claim} is missing or unusable`);
}
