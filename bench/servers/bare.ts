import { serve, settings } from './serve.ts';

/**
 * A bare `node:http` server: what Node itself takes for an answer of a few hundred bytes. Both documents
 * are of the size that Gatehouse's are.
 */
const { port, issuer } = settings();

const documents = new Map([
  ['/jwks', documentOf(230)],
  ['/.well-known/oauth-authorization-server', documentOf(2100)],
]);

serve(
  (request, response) => {
    const body = documents.get(request.url ?? '');
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
  },
  port,
  {
    jwks: { make: async () => get('/jwks') },
    metadata: { make: async () => get('/.well-known/oauth-authorization-server') },
  },
);

function get(path: string) {
  return {
    kind: 'requests' as const,
    requests: [{ method: 'GET' as const, path }],
    expect: { status: 200, contains: issuer },
  };
}

function documentOf(bytes: number): Buffer {
  const empty = JSON.stringify({ issuer, filled: '' });
  return Buffer.from(JSON.stringify({ issuer, filled: 'x'.repeat(bytes - empty.length) }));
}
