/**
 * HTTP: what every door stands on. Koa middleware, forms, cookies, pages and the server itself.
 *
 * The public listener is put together in this order:
 *
 *     requestContext ─▶ observeRequests ─▶ securityHeaders ─▶ errorBoundary
 *                                 ─▶ health ─▶ hostGuard ─▶ limits ─▶ assets ─▶ doors
 *
 * so that every response, refusals included, has an id, a log line and the security headers, and so
 * that nothing after `hostGuard` can see a scheme or a host other than the issuer's. Documents that are
 * fetched all day may take a `shortcut` before all of it, to the same answer; requests that can wait are let in
 * `oneByOne`.
 *
 * Does not own: who is signed in, what a client may learn from a refusal (each door has its table),
 * or any rule of the domain.
 */

export { type Assets, createAssets } from './assets.ts';
export { type Form, field, fields, readJson } from './body.ts';
export { originOf, type RequestState } from './context.ts';
export { type CookieOptions, type Cookies, createCookies } from './cookies.ts';
export { createDrain, type Drain } from './drain.ts';
export { errorBoundary } from './error-boundary.ts';
export { FormForged, HttpError } from './errors.ts';
export { createForms, type Forms } from './forms.ts';
export { createInternalApp, type Exposition, health, type ReadinessCheck } from './health.ts';
export { hostGuard } from './host-guard.ts';
export { limits } from './limits.ts';
export { type EndedRequest, observeRequests, type RequestObserver } from './observe-requests.ts';
export { oneByOne } from './one-by-one.ts';
export type * from './pages.ts';
export { type Prepared, prepare, prepared } from './prepared.ts';
export { requestContext } from './request-context.ts';
export { createRouteNames, type RouteOf } from './route-names.ts';
export { securityHeaders } from './security-headers.ts';
export { createHttpServer, serverOptions } from './server.ts';
export { type Document, type PreparedText, shortcut } from './shortcut.ts';
export { createViews, type Views } from './views.ts';
export { describeWhen } from './when.ts';
