import type { Pages, When } from '../../src/platform/http/index.ts';

const when = (words: string): When => ({
  iso: '2026-11-21T01:36:00.000Z',
  date: '21 November 2026 at 01:36 UTC',
  words,
});

const form = { csrf: 'csrf-token', action: '/somewhere' };
const user = { name: 'Ada Lovelace', email: 'ada@acme.example' };
const resource = { name: 'Team Files', identifier: 'https://files.acme.example/mcp' };
const purpose = { client: 'Claude Code', resource: 'Team Files' };
const links = { connections: '/account', security: '/account/security', signOut: '/sign-out' };
const frame = { user, links, notice: 'The connection has ended.' };
const totp = {
  qrSvg:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="black" d="M0,0h4v4h-4z"/></svg>',
  secret: 'JBSW Y3DP EHPK 3PXP',
  uri: 'otpauth://totp/Gatehouse:ada?secret=JBSWY3DPEHPK3PXP',
};
const passkey = { optionsUrl: '/passkey/options', verifyUrl: '/passkey/verify' };

const client = {
  name: 'Claude Code',
  logo: undefined,
  identifierHost: 'claude.ai',
  identity: 'verified',
  quoted: false,
  registration: 'document',
  firstSeen: when('3 days ago'),
  website: 'claude.ai',
  links: [
    { label: 'Website', href: 'https://claude.ai/' },
    { label: 'Privacy', href: 'https://claude.ai/privacy' },
  ],
  redirect: 'http://127.0.0.1:53111',
  redirectIsLoopback: true,
  redirectIsPrivateUse: false,
  localOnly: true,
  untrusted: false,
} as const;

const connection = (id: number, network: string | undefined) => ({
  resource,
  scopes,
  since: when('3 weeks ago'),
  lastUsed: when('2 hours ago'),
  expires: when('in 69 days'),
  network,
  replaySuspected: id === 1 ? when('an hour ago') : undefined,
  endsUnused: id === 2 ? when('in 20 hours') : undefined,
  changeUrl: `/account/connections/grt_${id}/scopes`,
  endUrl: `/account/connections/grt_${id}/end`,
});

const scopes = [
  {
    scope: 'files:read',
    sentence: 'Read and search your files',
    tools: [
      { name: 'list_files', title: 'List files', effect: 'read' },
      { name: 'read_file', title: 'Read a file', effect: 'read' },
    ],
    destructive: false,
    checked: true,
    isNew: false,
    group: 'held',
  },
  {
    scope: 'files:write',
    sentence: 'Create and change files',
    tools: [{ name: 'write_file', title: 'Write a file', effect: 'write' }],
    destructive: false,
    checked: false,
    isNew: true,
    group: 'asked',
  },
  {
    scope: 'files:delete',
    sentence: 'Delete files',
    tools: [{ name: 'delete_file', title: 'Delete a file', effect: 'destructive' }],
    destructive: true,
    checked: false,
    isNew: false,
    group: 'beyond',
  },
] as const;

/** One plausible set of data for every page: what tests render, and what a person looks at. */
export const samplePages: Pages = {
  error: {
    title: 'Page not found',
    explanation: 'There is nothing at this address.',
    advice: 'Check the address.',
    requestId: 'req_1234567890',
    code: 'not_found',
    remedies: [
      {
        program: 'mcp-remote, which other programs start',
        steps: 'Quit the program that starts it, delete the folder, and start again.',
        command: 'rm -r ~/.mcp-auth',
      },
      { program: 'MCP Inspector', steps: 'Close its tab, and open it again.' },
    ],
  },
  front: {
    user: undefined,
    signInUrl: '/sign-in',
    accountUrl: '/account',
    issuer: 'https://auth.acme.example',
    metadataUrl: 'https://auth.acme.example/.well-known/oauth-authorization-server',
    documentationUrl: 'https://docs.example/',
  },
  'signed-out': { signInUrl: '/sign-in' },
  'client-request': {
    ...form,
    state: 'none',
    client: { host: 'notes.example', url: 'https://notes.example/oauth/client.json' },
    resource,
    user,
    maxReason: 500,
    notYouUrl: '/sign-out',
  },
  'interaction/consent': {
    ...form,
    client,
    clientVersion: 'bm90IGEgcmVhbCB2ZXJzaW9u',
    changes: [
      { label: 'Its name', before: ['Claude'], after: ['Claude Code'] },
      {
        label: 'Where it may send you back to',
        before: [],
        after: ['http://127.0.0.1/callback', 'http://localhost/callback'],
      },
    ],
    resource,
    user,
    scopes,
    stepUp: true,
    withoutNew: false,
    stayConnected: { offered: true, idleDays: 14, absoluteDays: 90 },
    notYouUrl: '/sign-out',
  },
  'interaction/continue': {
    ...form,
    client,
    clientVersion: undefined,
    resource,
    user,
    scopes,
    notYouUrl: '/sign-out',
    chooseUrl: '/somewhere?choose',
  },
  'interaction/done': {
    client: 'Cursor',
    redirect: 'cursor://anysphere.cursor-mcp',
    allowed: true,
    continueUrl: '/authorize/somewhere',
    byItself: false,
  },
  'sign-in/identify': { ...form, email: user.email, purpose, passkey },
  'sign-in/password': {
    ...form,
    email: user.email,
    purpose,
    backUrl: '/sign-in',
    error: 'This password or e-mail address is not right.',
  },
  'sign-in/totp': { ...form, email: user.email, backUrl: '/sign-in', passwordUrl: '/sign-in/password' },
  'sign-in/enrol': { ...form, name: user.name, email: user.email, recovery: true, passkey, totp },
  'sign-in/notice': {
    ...form,
    email: user.email,
    ids: 'ntc_1 ntc_2',
    notices: [
      {
        what: 'The passkey “Chrome on Linux, 1 December 2026” was added',
        when: when('2 hours ago'),
        device: 'Chrome on Linux',
        network: '192.0.2.7',
      },
      {
        what: 'A password and an authenticator app were set',
        when: when('yesterday'),
        device: 'Unknown device',
        network: undefined,
      },
    ],
    securityUrl: '/account/security',
  },
  'setup/identity': { ...form },
  'setup/factor': { ...form, name: user.name, email: user.email, passkey, totp },
  'setup/done': {
    name: user.name,
    connectLine: 'claude mcp add --transport http team-files https://files.acme.example/mcp',
    clientName: 'Claude Code',
    resourceName: 'Team Files',
    accountUrl: '/account',
  },
  'account/connections': {
    ...frame,
    securityEnds: [
      {
        client: 'Old Laptop',
        resource: 'Team Files',
        reason: 'refresh_reused',
        when: when('yesterday'),
      },
    ],
    endAllUrl: '/account/end',
    clients: [
      {
        name: 'Claude Code',
        identifierHost: 'claude.ai',
        verified: true,
        endAllUrl: '/account/clients/end',
        folds: [
          {
            resource,
            network: '192.0.2.7',
            lastUsed: when('2 hours ago'),
            count: 1,
            connections: [connection(1, '192.0.2.7')],
          },
          {
            resource,
            network: undefined,
            lastUsed: when('yesterday'),
            count: 2,
            connections: [connection(2, undefined), connection(3, undefined)],
          },
        ],
        consents: [
          {
            resource,
            scopes: scopes.slice(0, 2),
            since: when('3 weeks ago'),
            expires: when('in 69 days'),
            forgetUrl: '/account/consents/cns_1/forget',
          },
        ],
      },
    ],
  },
  'account/scopes': {
    ...frame,
    ...form,
    client: { name: 'Claude Code', identifierHost: 'claude.ai', verified: true },
    resource,
    network: '192.0.2.7',
    since: when('3 weeks ago'),
    held: [{ ...scopes[0], group: 'held' }],
    beyond: [
      { ...scopes[1], isNew: false, group: 'beyond' },
      { ...scopes[2], group: 'beyond' },
    ],
    delay: 'within 11 minutes',
    signsInAgain: true,
    endUrl: '/account/connections/grt_1/end',
    backUrl: '/account',
    error: 'A connection needs at least one permission. End this connection instead.',
  },
  'account/security': {
    ...frame,
    reviewUrl: '/sign-in/notice?continue=%2Faccount%2Fsecurity',
    passkeys: [
      {
        name: 'Work laptop',
        backedUp: true,
        since: when('last month'),
        lastUsed: when('yesterday'),
        removeUrl: '/account/security/passkeys/pky_1/remove',
      },
      { name: 'Key on my ring', backedUp: false, since: when('last year'), lastUsed: undefined },
    ],
    addPasskeyUrl: '/account/security/passkeys/add',
    password: { changedAt: when('last year'), changeUrl: '/account/security/password' },
    sessions: [
      {
        current: true,
        device: 'Firefox on Linux',
        network: '192.0.2.7',
        since: when('3 hours ago'),
        lastSeen: when('just now'),
        endUrl: '/account/security/sessions/ses_1/end',
      },
    ],
    endOthersUrl: '/account/security/sessions/end-others',
  },
  'account/passkey': { ...frame, ...form, passkey, backUrl: '/account/security' },
  'account/password': { ...frame, ...form, totp, backUrl: '/account/security' },
  'account/confirm': {
    ...form,
    title: 'End this connection?',
    consequences: ['Claude Code can no longer use Team Files from this device.', 'This cannot be undone.'],
    button: 'End connection',
    backUrl: '/account',
  },
};
