/** Hosts whose paths belong to many owners, and domains under which many owners have a host each. */
const SHARED_HOSTS: ReadonlySet<string> = new Set([
  // Code hosting, and the contents of repositories.
  'github.com',
  'githubusercontent.com',
  'github.io',
  'gitlab.com',
  'gitlab.io',
  'bitbucket.org',
  'bitbucket.io',
  'codeberg.org',
  'codeberg.page',
  'sourceforge.net',
  'sourceforge.io',
  'githack.com',
  'huggingface.co',
  'hf.space',
  // Package contents.
  'jsdelivr.net',
  'unpkg.com',
  'esm.sh',
  'npmjs.com',
  // Object stores and content delivery.
  'amazonaws.com',
  'cloudfront.net',
  'storage.googleapis.com',
  'firebasestorage.googleapis.com',
  'blob.core.windows.net',
  'digitaloceanspaces.com',
  'backblazeb2.com',
  'r2.dev',
  // Hosting of pages and programs under a domain of the host.
  'web.app',
  'firebaseapp.com',
  'appspot.com',
  'run.app',
  'azurewebsites.net',
  'azurestaticapps.net',
  'pages.dev',
  'workers.dev',
  'netlify.app',
  'vercel.app',
  'herokuapp.com',
  'onrender.com',
  'fly.dev',
  'railway.app',
  'deno.dev',
  'glitch.me',
  'replit.app',
  'repl.co',
  'surge.sh',
  'lovable.app',
  'ngrok.app',
  'ngrok.io',
  'ngrok-free.app',
  'trycloudflare.com',
  // Documents and files that anybody can publish.
  'sites.google.com',
  'docs.google.com',
  'drive.google.com',
  'dropbox.com',
  'dropboxusercontent.com',
  'notion.site',
  'pastebin.com',
  'archive.org',
  'ipfs.io',
  'dweb.link',
]);

/** Returns whether a host, or the domain that it is under, is shared by many owners. `host` may have a port. */
export function hasManyOwners(host: string): boolean {
  const labels = host.replace(/:\d+$/, '').replace(/\.$/, '').split('.');
  return labels.some((_, at) => SHARED_HOSTS.has(labels.slice(at).join('.')));
}
