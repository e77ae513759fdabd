/**
 * What clients have in common, because they are made with the same libraries. A shape begins with one of these
 * and says what is different.
 */

import type { ClientShape, DiscoveryHabit, Registration } from '../shape.ts';

type Habits = Omit<ClientShape, 'id' | 'name' | 'version' | 'registration' | 'redirectUri' | 'seen'>;

/** Of the metadata, as MCP orders them (2025-11-25, authorization server metadata discovery). */
const IN_ORDER = ['oauth_inserted', 'openid_inserted', 'openid_appended'] as const;

/** The official TypeScript SDK 1.x. */
export const SDK_V1: Habits = {
  catalogued: true,
  from: 'machine',
  discovery: {
    forms: IN_ORDER,
    afterServerError: 'stops',
    afterNonsense: 'stops',
    redirects: 'within_origin',
    headers: { accept: 'application/json', 'mcp-protocol-version': '2025-11-25' },
  },
  issuer: 'not_compared',
  pkce: 'must_not_leave_out_s256',
  iss: 'ignored',
  scope: { from: 'resource' },
  resource: { equality: 'same_origin_and_path_below' },
};

/** The official TypeScript SDK 2.x. */
export const SDK_V2: Habits = {
  ...SDK_V1,
  discovery: {
    ...SDK_V1.discovery,
    afterServerError: 'goes_on_after_502',
    headers: { accept: 'application/json', 'mcp-protocol-version': '2026-07-28' },
  },
  issuer: 'same_text_or_slash_asked',
  iss: 'compared',
  scope: { from: 'resource', offline: true },
};

/** The SDK 2.x in a program that speaks MCP 2025-11-25. */
export const REVISION_2025: DiscoveryHabit = { ...SDK_V2.discovery, headers: SDK_V1.discovery.headers };

/** Looks everywhere and follows anything: the least that is known of a client that was not built on an SDK. */
export const PATIENT: DiscoveryHabit = {
  forms: IN_ORDER,
  afterServerError: 'goes_on',
  afterNonsense: 'goes_on',
  redirects: 'anywhere',
  headers: { accept: 'application/json' },
};

/** Registers itself (RFC 7591): a public client that wants to stay connected, where nothing else is said. */
export function registers(
  name: string,
  redirectUris: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Registration {
  return {
    kind: 'dynamic',
    body: {
      client_name: name,
      redirect_uris: redirectUris,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...more,
    },
  };
}
