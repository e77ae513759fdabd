import { header } from '../answers.ts';
import type { Check, Examination } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { isReply } from '../probe.ts';

const { ok, problem, warning, not_checked } = findingsOf('clock');

/** Seconds: beyond the first tokens are refused by whoever is strict about them, and by everybody beyond the second. */
const NOTICEABLE = 10;
const TOO_MUCH = 60;

/** That everybody means the same by "now": tokens, proofs and certificates hang on it. */
export const checkClock: Check = async (examination) => {
  const found = [serverClock(examination)];
  const { store } = examination;
  if (store) {
    const before = Date.now();
    const database = await store.clock();
    const middle = (before + Date.now()) / 2;
    found.push(judge('The clock of the database', (database.getTime() - middle) / 1000));
  }
  return found;
};

function serverClock({ documents }: Examination): Finding {
  const answer = documents.map((document) => document.answer).find(isReply);
  const stated = answer && Date.parse(header(answer, 'date') ?? '');
  if (!answer || stated === undefined || Number.isNaN(stated))
    return not_checked('The clock of the server was not checked, because its answers have no Date.');
  // A Date is cut to whole seconds: half of one is taken for its part.
  const middle = (answer.sentAt + answer.receivedAt) / 2;
  return judge('The clock of the server, or of a proxy before it,', (stated + 500 - middle) / 1000);
}

function judge(whose: string, seconds: number): Finding {
  const off = Math.abs(seconds);
  if (off <= NOTICEABLE) return ok(`${whose} agrees with ours.`.replace(',,', ','));
  const far = off >= 120 ? `${Math.round(off / 60)} minutes` : `${Math.round(off)} seconds`;
  const says = `${whose} is ${far} ${seconds > 0 ? 'ahead of' : 'behind'} ours.`;
  const remedy = 'Let all machines follow a time server (chrony, systemd-timesyncd), this one too.';
  return off > TOO_MUCH ? problem(says, remedy) : warning(says, remedy);
}
