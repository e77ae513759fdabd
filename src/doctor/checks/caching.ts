import { header } from '../answers.ts';
import { type Check, endpointOf } from '../examination.ts';
import { findingsOf } from '../finding.ts';
import { isReply } from '../probe.ts';

const { ok, warning, not_checked } = findingsOf('caching');

/** Seconds. Keys that are kept for longer are kept past their rotation. */
const LONGEST = 86_400;

/** RFC 9111: that what may be kept is kept as long as Gatehouse says, and not longer or never. */
export const checkCaching: Check = async (examination) => {
  const urls = [...examination.documents.map(({ url }) => url), endpointOf(examination, 'jwks_uri')];
  for (const url of urls) {
    const answer = await examination.ask(url);
    if (!isReply(answer) || answer.status !== 200) continue;
    const control = header(answer, 'cache-control') ?? '';
    const age = Number(/max-age=(\d+)/.exec(control)?.[1] ?? Number.NaN);
    if (!(age <= LONGEST)) {
      return [
        warning(
          `${url} says ${control === '' ? 'nothing about' : `"${control.slice(0, 60)}" about`} how long it may be kept.`,
          'Let the proxy pass Cache-Control unchanged: Gatehouse says how long keys and metadata are good for.',
        ),
      ];
    }
  }
  return examination.metadata
    ? [ok('Metadata and keys may be kept for as long as Gatehouse means it.')]
    : [not_checked('Caching was not checked, because there are no metadata.')];
};
