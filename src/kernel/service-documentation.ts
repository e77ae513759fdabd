/** What a developer reads about connecting to this server (RFC 8414 §2, `service_documentation`). */
export const SERVICE_DOCUMENTATION =
  'https://modelcontextprotocol.io/specification/draft/basic/authorization';
