import type { Register } from './cli.ts';

/** `keys rotate`: makes a new signing key. */
export const keysRotate: Register = (keys, cli) => {
  keys
    .command('rotate')
    .summary('make a new signing key')
    .description(
      'Makes a new signing key, which signs from now on; every server process follows within a second. The old key stays published until its last token has expired.',
    )
    .action(() =>
      cli.withStore(async ({ installation, origin }) => {
        const { kid, retired } = await installation.keys.rotate(origin);
        return {
          json: { kid, retired },
          text: `${kid} signs from now on.${retired === undefined ? '' : ` ${retired} is retired and stays published until its last token has expired.`}`,
        };
      }),
    );
};
