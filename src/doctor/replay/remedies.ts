import { GATEHOUSE } from '../../kernel/command-line.ts';
import { listed } from '../answers.ts';
import type { DocumentFault } from '../document-fault.ts';
import type { ClientShape } from '../shape.ts';

import type { Replay } from './step.ts';

/** How to let this client in, whatever way it comes. */
export function letInCommand({ shape, examination }: Replay): string {
  const off = examination.store?.metadataDocuments === 'off' && comesByDocument(shape);
  const command = shape.catalogued ? `${GATEHOUSE} client catalogue enable ${shape.id}` : addCommand(shape);
  return off ? `Set GATEHOUSE_METADATA_DOCUMENTS=allowlist, restart, and run: ${command}` : command;
}

function comesByDocument({ registration }: ClientShape): boolean {
  return registration.some(({ kind }) => kind === 'document');
}

function addCommand({ name, catalogued, registration, redirectUri }: ClientShape): string {
  const dynamic = registration.find((way) => way.kind === 'dynamic');
  const redirects = dynamic ? listed(dynamic.body, 'redirect_uris') : [redirectUri];
  return `${GATEHOUSE} client add --name '${catalogued ? name : 'My client'}' ${redirects.map((uri) => `--redirect-uri ${uri}`).join(' ')}`;
}

/** What helps where a client's metadata document cannot be used. */
export function documentRemedy({ clientId, shape }: Replay, { with: whom }: DocumentFault): string {
  const origin = URL.parse(clientId ?? '')?.origin ?? 'its host';
  const instead = `register it, and type the ID into it: ${addCommand(shape)}`;
  switch (whom) {
    case 'way':
      return `Let the server reach ${origin} (DNS, firewall): it fetches the document itself, by no proxy.`;
    case 'host':
      return `Where ${origin} turns servers away, ${instead}`;
    case 'later':
      return 'Try again in a minute.';
    case 'maker':
      return `Its maker has to mend the document. Until then, ${instead}`;
  }
}

/** By the reason in the audit trail, or else the error: what helps. */
export function refusalRemedy(replay: Replay, reason: string): string {
  const { protectedResource, examination, clientId } = replay;
  const resource = protectedResource?.resource ?? examination.resource;
  switch (reason) {
    case 'client_documents_off':
    case 'client_not_allowed':
    case 'unknown_client':
    case 'invalid_client':
    case 'redirect_uri':
    case 'invalid_redirect_uri':
      return letInCommand(replay);
    case 'client_awaits_review':
      return `${letInCommand(replay)}; or, when somebody has asked for it: ${GATEHOUSE} client approve ${clientId ?? '<url>'}`;
    case 'client_blocked':
      return `Somebody blocked it on purpose; see: ${GATEHOUSE} client rules`;
    case 'resource_unknown':
      return `${GATEHOUSE} resource add --identifier ${resource ?? 'https://mcp.example.com/mcp'} --name 'My server' --scope 'files:read=Read your files' --default-scope files:read`;
    case 'resource_missing':
      return 'Set GATEHOUSE_DEFAULT_RESOURCE to the MCP server that is meant.';
    default:
      return `See what the trail says of it: ${GATEHOUSE} audit list --since 10m`;
  }
}
