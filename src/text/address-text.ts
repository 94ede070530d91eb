/** `host:port` as URLs and gRPC write it: an IPv6 address in brackets. (RFC 3986 §3.2.2) */
export function addressText({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
