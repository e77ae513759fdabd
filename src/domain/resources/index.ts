/**
 * Resources: the MCP servers that tokens are issued for, with their scopes and tools.
 *
 * Owns the identifier and its one spelling (RFC 8707 §2), the scopes with the sentence that a person
 * reads, which of them are destructive, the default scopes, the tool catalogue, and the secret with which a resource introspects.
 *
 *     value ──canonicalizeResource──▶ identifier ──findResource──▶ resource ──▶ `aud` of a token
 *
 * Does not own: who may have which scope there (`authority`), or the grants that name a resource (`grants`).
 */

export { type AddedResource, addResource, type NewResource } from './add.ts';
export { admitStrangers } from './admit-strangers.ts';
export { canonicalizeResource } from './canonicalize.ts';
export { type ChangedResource, changeResource, type ResourceChange } from './change.ts';
export { destructiveScopeSql } from './destructive.ts';
export { removeResource } from './remove.ts';
export type { Resource, ResourceScope, ResourceTool, ToolEffect } from './resource.ts';
export { authenticateResource, findResource, listResources } from './store.ts';
export { parseTools } from './tools.ts';
