/** PEM never belongs in a log, not even a part of it. (RFC 7468 §2) */
const PEM_BLOCK = /-----BEGIN [^-]{1,40}-----[\s\S]*?(-----END [^-]{1,40}-----|$)/g;

/** A JWT, also one that was cut short: base64url parts, the first of which is a JSON object (`{"` encodes to `eyJ`). */
const JWT = /\beyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)*/g;

/**
 * Cuts PEM and JWTs out of a text that others had a hand in: a peer's complaint, a foreign error, a value of the
 * command line. The last line of defence; nothing of ours writes them.
 */
export function redact(text: string): string {
  return text.replace(PEM_BLOCK, '[redacted PEM]').replace(JWT, '[redacted token]');
}
