import type { Register } from './cli.ts';
import { minute } from './output.ts';

/** `setup-link`: makes the link with which the first administrator is made. */
export const setupLink: Register = (program, cli) => {
  program
    .command('setup-link')
    .summary('make the link that makes the first administrator')
    .description(
      'Makes the link that makes the first administrator. It works once and not for long; treat it as a password.',
    )
    .action(() =>
      cli.withStore(async ({ installation, cause }) => {
        const { url, expiresAt } = await installation.setup.createLink(cause);
        return {
          json: { url, expires_at: expiresAt },
          text: `${url}\nOpen it in a browser. It works once, until ${minute(expiresAt)}.`,
        };
      }),
    );
};
