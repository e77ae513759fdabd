import type { Results } from './results.ts';
import { tableOf } from './table.ts';

const BEGIN = '<!-- the last whole run: npm run bench writes this -->';
const END = '<!-- end of the last whole run -->';

/** The page with these results in the place of the ones before. @throws Error when the page has no such place. */
export function pageWith(page: string, results: Results): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined)
    throw new Error(`the page has no place between ${BEGIN} and ${END}`);
  const { machine, at, rounds } = results;
  const where = [
    `${machine.cores} cores of ${machine.cpu}`,
    `Node ${machine.node.slice(1)}`,
    ...(machine.postgres ? [`PostgreSQL ${machine.postgres}`] : []),
    ...(machine.redis ? ['Redis'] : []),
    `load ${machine.load.toFixed(1)} at the beginning`,
  ];
  const said = `${at.slice(0, 16).replace('T', ' ')} UTC, ${rounds} rounds: ${where.join(', ')}.`;
  return `${before}${BEGIN}\n\n${said}\n\n\`\`\`text\n${tableOf(results)}\n\`\`\`\n\n${END}${after}`;
}
