import { GATEHOUSE } from '../../kernel/command-line.ts';
import type { Check } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';

const { ok, problem, warning, not_checked } = findingsOf('installation');

/** Clients in the field treat a token with less time left as expired. */
const CLIENT_REFRESH_MARGIN_SECONDS = 300;

/** What is registered here: without an MCP server nobody can be given anything. */
export const checkInstallation: Check = async ({ store, resource }) => {
  if (!store)
    return [not_checked('Resources, scopes and clients were not checked, because the store was not asked.')];
  const { resources, defaultResource, accessTokenLifetime } = store;
  if (resources.length === 0) {
    return [
      problem(
        'No MCP server is registered: every authorization ends with invalid_target.',
        `${GATEHOUSE} resource add --identifier ${resource ?? 'https://mcp.example.com/mcp'} --name 'My server' --scope 'files:read=Read your files' --default-scope files:read`,
      ),
    ];
  }
  const found: Finding[] = [];
  if (accessTokenLifetime <= CLIENT_REFRESH_MARGIN_SECONDS) {
    found.push(
      warning(
        `Access tokens live ${accessTokenLifetime} seconds: clients that refresh five minutes early, such as Claude Code and Gemini CLI, do so before every request.`,
        'Set GATEHOUSE_ACCESS_TOKEN_LIFETIME=600.',
      ),
    );
  }
  for (const { identifier, scopes, defaultScopes } of resources) {
    if (scopes.length === 0) {
      found.push(
        problem(
          `${identifier} has no scopes: nobody can be given anything there.`,
          `Add its scopes: ${GATEHOUSE} resource set ${identifier} --scope 'name=sentence'`,
        ),
      );
    } else if (defaultScopes.length === 0) {
      found.push(
        warning(
          `${identifier} has no default scopes: a client that asks for none gets nothing.`,
          `Name them: ${GATEHOUSE} resource set ${identifier} --default-scope name`,
        ),
      );
    }
  }
  if (defaultResource !== undefined && !resources.some(({ identifier }) => identifier === defaultResource)) {
    found.push(
      problem(
        `GATEHOUSE_DEFAULT_RESOURCE is ${defaultResource}, which is not registered: clients that name no resource get invalid_target.`,
        `${GATEHOUSE} resource add --identifier ${defaultResource} …, or correct GATEHOUSE_DEFAULT_RESOURCE.`,
      ),
    );
  } else if (defaultResource === undefined && resources.length > 1) {
    found.push(
      warning(
        `${resources.length} MCP servers are registered and none is the default: clients that name no resource, which old ones do, get invalid_target.`,
        `Set GATEHOUSE_DEFAULT_RESOURCE=${resources[0]?.identifier} if you have such clients.`,
      ),
    );
  }
  const many = resources.length === 1 ? 'One MCP server is' : `${resources.length} MCP servers are`;
  return found.length > 0 ? found : [ok(`${many} registered, with scopes.`)];
};
