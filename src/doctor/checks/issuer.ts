import { isLoopbackHost } from '../../kernel/loopback.ts';

import { jsonOf, plain, told } from '../answers.ts';
import type { Check } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { isReply } from '../probe.ts';

const { ok, problem } = findingsOf('issuer');

/** RFC 8414 §2, §3.3: the issuer is one string, byte for byte, wherever it appears. */
export const checkIssuer: Check = async ({ issuer, base, documents, metadata }) => {
  const found: Finding[] = [];
  const url = new URL(issuer);
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    found.push(
      problem(
        `The issuer ${issuer} is http and not on this machine: clients refuse it, and tokens would travel in the clear.`,
        `Put a proxy with TLS in front and set GATEHOUSE_ISSUER=https://${url.hostname}.`,
      ),
    );
  }
  if (issuer !== base) {
    found.push(
      problem(
        `The address ${issuer} ends with a slash: the issuer of a token has none, and strict clients compare byte for byte.`,
        `Name the issuer as ${base} wherever it is configured, in the MCP server too.`,
      ),
    );
  }
  for (const { url: at, answer } of documents) {
    // What is no document has a finding of its own.
    const document = isReply(answer) && answer.status === 200 ? jsonOf(answer) : undefined;
    const stated = told(document, 'issuer');
    if (!document || stated === base) continue;
    found.push(differs(base, at, stated === undefined ? undefined : plain(stated)));
  }
  if (found.length > 0 || !metadata) return found;
  return [ok(`The issuer is ${base}, byte for byte, in every metadata document.`)];
};

function differs(base: string, at: string, stated: string | undefined): Finding {
  if (stated === undefined)
    return problem(`The metadata at ${at} state no issuer.`, 'Let the proxy pass the document unchanged.');
  if (stated.replace(/(?<!\/)\/+$/, '') === base) {
    return problem(
      `The metadata at ${at} state the issuer ${stated}, with a slash at the end; the address has none, and strict clients stop here.`,
      `Let no proxy rewrite the document, and set GATEHOUSE_ISSUER=${base}.`,
    );
  }
  return problem(
    `The metadata at ${at} state the issuer ${stated}, and were asked for at ${base}: strict clients stop here.`,
    `Use ${stated} everywhere, or, if ${base} is the address that clients shall use, set GATEHOUSE_ISSUER=${base} and restart.`,
  );
}
