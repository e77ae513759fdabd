import { startExample } from './server.ts';

/** Team Files on its own: `npm run example`. */
const {
  GATEHOUSE_ISSUER: issuer = 'http://localhost:4000',
  GATEHOUSE_EXAMPLE_RESOURCE: resource = 'http://localhost:4001/mcp',
  GATEHOUSE_EXAMPLE_LISTEN: listen = '127.0.0.1:4001',
} = process.env;

const example = await startExample({ issuer, resource, listen, onError: (error) => console.error(error) });
console.log(`Team Files serves ${resource} on ${example.url}, with tokens of ${issuer}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void example.close().then(() => process.exit(0));
  });
}
