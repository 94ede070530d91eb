/** What goes wrong, in the words of all that explain it. */
export interface Symptom {
  /** What is seen, in a line. */
  readonly symptom: string;
  /** Why that is. */
  readonly cause: string;
  /** What to do. */
  readonly advice: string;
}

/** By a name that never changes, the anchor in docs/troubleshooting.md; in the order of the way to a handshake. */
export const SYMPTOMS = {
  'status-unreachable': {
    symptom: 'a status page cannot be read',
    cause: 'no process listens at the address, or the file is not there',
    advice:
      'start the agent with --status-address, or compare the address; give a file of `sidecert status --output json` for an agent of another machine',
  },
  'status-locked': {
    symptom: 'a status page cannot be read: permission denied',
    cause: 'the socket has mode 0660, or its directory cannot be entered by this user',
    advice: 'run the command as the user of the agent or in its group',
  },
  'status-stale': {
    symptom: 'a status page is older than what it is compared with',
    cause: 'the file was written a while ago, and what has changed since is not in it; or a clock is wrong',
    advice: 'write it again (`sidecert status --output json`) on both sides at about one time, and compare the clocks',
  },
  'same-side': {
    symptom: 'both sides are one and the same',
    cause: 'a page was given twice, or written from the wrong workload; seldom a workload that calls itself',
    advice: 'give the page of the client first, and that of the server second',
  },
  'no-certificate': {
    symptom: 'an agent has no certificate',
    cause: 'its CA has not issued one yet; the last failure says why',
    advice: 'run `sidecert doctor` with the settings of the agent',
  },
  'token-refused': {
    symptom: 'the CA refuses the token',
    cause: 'issuer, audience, subject or signature of the token are not those that the CA accepts',
    advice:
      'compare iss, aud and sub of the token with what the CA accepts (--token-issuer and --token-audience of Citadel); its log has the reason',
  },
  'token-audience': {
    symptom: 'the CA refuses the token: it is for another audience',
    cause: 'aud of the token is not the audience of the CA',
    advice:
      'set the audience of the projected token to that of the CA (istio-ca as a rule), or --token-audience of Citadel',
  },
  'token-issuer': {
    symptom: 'the CA refuses the token: it is of another issuer',
    cause: 'iss of the token is another cluster than the CA takes tokens of',
    advice: 'set --token-issuer and the keys (--jwks) of Citadel to the cluster of the workload',
  },
  'token-expired': {
    symptom: 'the token has expired',
    cause: 'the kubelet does not renew it, or the clock is wrong',
    advice: 'look whether the volume is a projected token, and compare the clocks',
  },
  'token-missing': {
    symptom: 'there is no token',
    cause: 'the file is missing, empty, no JWT, or cannot be read',
    advice: 'mount a projected serviceAccountToken volume there (audience istio-ca), or set --token-file',
  },
  'ca-key-away': {
    symptom: 'the CA cannot sign: its key in the PKCS#11 token is out of reach',
    cause: 'the token is away, its module fails or hangs, or the PIN is not accepted',
    advice:
      'the log of Citadel has what the module said: look at token, module and PIN file of --ca-key; it is tried again by itself, but for a PIN that was refused',
  },
  'ca-unreachable': {
    symptom: 'the CA cannot be reached',
    cause: 'the address is wrong, the CA is down, or a firewall is in the way',
    advice: 'compare --ca-address with the service of the CA, and look at its log; the agent tries again by itself',
  },
  'ca-hangs': {
    symptom: 'the CA does not answer in time',
    cause: 'it takes the connection and does not answer: it hangs, is overloaded, or waits for its API server',
    advice: 'the CA takes the connection and does not answer: look at its log, and at its API server',
  },
  'ca-answer': {
    symptom: 'what answers at the address of the CA does not answer as a CA',
    cause: 'another service listens there, a proxy is in between, or the CA speaks another protocol',
    advice:
      'compare --ca-address with the gRPC port of the CA (15012 as a rule); the last failure quotes what was answered',
  },
  'ca-untrusted': {
    symptom: 'the certificate of the CA is not accepted',
    cause: '--ca-root has other roots than those of this CA, its certificate is for another name, or a clock is wrong',
    advice: 'take the present roots of the CA (istio-ca-root-cert), compare --ca-server-name and the clocks',
  },
  'ca-overloaded': {
    symptom: 'the CA has too much to do',
    cause: 'more requests than it takes',
    advice: 'give it more cores or replicas; the agent tries again by itself',
  },
  'csr-rejected': {
    symptom: 'the CA does not take the request',
    cause: 'it does not issue such a certificate',
    advice: 'compare --key-type, --ttl and --cert-signer with what the CA issues',
  },
  'answer-refused': {
    symptom: 'the certificate that the CA issued is not accepted by the agent',
    cause: 'peers would refuse it: its chain, its key usage, its names or its times are wrong; the message names which',
    advice: 'mend the certificates or the profile of the CA; the last good certificate stays until it expires',
  },
  'identity-mismatch': {
    symptom: 'the CA certifies another identity than that of the agent',
    cause: 'namespace, service account or trust domain of the agent are not those of its token',
    advice: 'compare --namespace, --service-account and --trust-domain with the sub of the token',
  },
  'certificate-expired': {
    symptom: 'the certificate of a workload has expired',
    cause: 'it was not renewed in time, or the clock of the peer is ahead',
    advice: 'look why the renewals failed; compare the clocks of both machines',
  },
  'certificate-early': {
    symptom: 'the certificate of a workload is not yet valid',
    cause: 'the clock of the CA is ahead, or that of the peer is behind',
    advice: 'compare the clocks of CA, agent and peer (chronyc tracking, timedatectl)',
  },
  'clock-skew': {
    symptom: 'the clocks of both sides differ',
    cause: 'one of the machines has no time synchronisation, or was set by hand',
    advice: 'set the clocks (chronyc tracking, timedatectl)',
  },
  'bundle-missing': {
    symptom: 'an agent has no trust bundle',
    cause: 'it comes with the first certificate of the CA',
    advice: 'look why the agent has no certificate',
  },
  'trust-domain': {
    symptom: 'the peer is of another trust domain',
    cause: 'the roots of that domain are not among those that the verifier has',
    advice:
      'set --trust-domain of both agents to the same, or give the roots of the other one with --federated-bundle and let Envoy ask for ALL',
  },
  'root-missing': {
    symptom: 'the root of the certificate is not in the trust bundle of the peer',
    cause:
      'both sides have different CAs, or a root was rotated on one side first, or taken away while leaves of it live',
    advice:
      'bring the root into the bundle of the verifier (the CA has to name old and new roots until all leaves are of the new one)',
  },
  'root-same-name': {
    symptom: 'the bundle has a root of the same name with another key',
    cause: 'a CA was set up again under the same subject, or two clusters have self-made CAs of the same name',
    advice: 'compare the fingerprints; give both sides one CA, or bring the other root into the bundle',
  },
  'root-expired': {
    symptom: 'the root of the certificate has expired',
    cause: 'the CA was not rotated in time',
    advice: 'give the CA a new root; the bundle may have both for a while',
  },
  'issuer-early': {
    symptom: 'a root or an intermediate is not yet valid',
    cause: 'it was made on a machine whose clock is ahead, or the verifier has a clock that is behind',
    advice: 'compare the clocks; wait, or make the certificate again',
  },
  'intermediate-missing': {
    symptom: 'an intermediate is missing in the chain',
    cause: 'the issuer of the certificate is neither sent along, nor a root of the verifier',
    advice: 'let the CA answer with its whole chain (cert-chain.pem: leaf first, then all intermediates)',
  },
  'intermediate-expired': {
    symptom: 'an intermediate of the chain has expired',
    cause: 'the CA signs with a certificate that was not renewed',
    advice: 'renew the intermediate of the CA',
  },
  'issuer-unfit': {
    symptom: 'a certificate of the chain may not be an issuer',
    cause:
      'it is no CA certificate, lacks keyCertSign, has an extended key usage for one side alone, a path length that is too short, or a weak key or signature; the message names which',
    advice: 'issue that certificate again as a CA certificate without the restriction in the way',
  },
  'name-constraints': {
    symptom: 'the name constraints of a CA do not permit the name of the workload',
    cause: 'the CA may sign for other trust domains or names only',
    advice: 'have the CA certificate issued with constraints that permit spiffe://<trust domain>, or without',
  },
  'key-usage': {
    symptom: 'the certificate lacks a key usage that Envoy asks for',
    cause: 'keyUsage is there without digitalSignature, or has what only CAs have',
    advice: 'mend the certificate profile of the CA: keyUsage digitalSignature, no keyCertSign',
  },
  'extended-key-usage': {
    symptom: 'the certificate is not for this side of a handshake',
    cause: 'extendedKeyUsage lacks serverAuth (of a server) or clientAuth (of a client)',
    advice: 'mend the certificate profile of the CA: serverAuth and clientAuth',
  },
  'leaf-unfit': {
    symptom: 'the certificate is none that Envoy takes',
    cause:
      'it is a CA certificate, has a critical extension that peers do not know, a weak key or signature; the message names which',
    advice: 'mend the certificate profile of the CA',
  },
  revoked: {
    symptom: 'the certificate has been revoked',
    cause: 'a revocation list of the verifier has its serial',
    advice:
      'an agent that gets its lists from its Citadel asks for another certificate by itself; elsewhere restart the agent, which makes a new key. sidecert certs show tells who revoked it, and why',
  },
  'crl-unusable': {
    symptom: 'Envoy refuses every peer of a CA for its revocation list',
    cause:
      'the list has expired, is not yet valid, or one of the CAs of the chain has none: with one list, Envoy wants one of each CA',
    advice:
      'renew the file of --crl with a valid list of each CA of the chain, or leave --crl out; lists that a Citadel gives are renewed each day: is the agent cut off from it?',
  },
  'san-mismatch': {
    symptom: 'the name of the peer is not one that this side accepts',
    cause: 'no SAN matcher fits: --peer-san of the agent, or match_typed_subject_alt_names of Envoy',
    advice:
      'compare the SPIFFE ID of the peer with the matchers; trust domain, namespace and service account count, and so does the case',
  },
  'san-missing': {
    symptom: 'the certificate has no SPIFFE ID',
    cause: 'the CA issues it without a URI, or with two',
    advice: 'mend the certificate profile of the CA: one URI, the SPIFFE ID',
  },
  'envoy-plain-text': {
    symptom: 'an Envoy speaks plain text where the other one has mutual TLS',
    cause: 'its listener, or its cluster, has no TLS context; or client and server were given the wrong way round',
    advice: 'take the TLS contexts of `sidecert bootstrap`; give the client as A, and the server as B',
  },
  'tls-filter-chain': {
    symptom: 'no filter chain of the server is for what the client asks for',
    cause: 'server_names or application_protocols of filter_chain_match have not the SNI or the ALPN of the client',
    advice: 'set sni and alpn_protocols of the client to what a filter chain is for, or leave filter_chain_match out',
  },
  'tls-version': {
    symptom: 'both sides have no version of TLS in common',
    cause:
      'tls_minimum_protocol_version of one Envoy is above tls_maximum_protocol_version of the other, which is TLSv1_2 for clients by default',
    advice: 'set tls_params of both Envoys so that they overlap (TLSv1_2 to TLSv1_3)',
  },
  'tls-cipher': {
    symptom: 'both sides have no cipher suite in common that fits the key of the server',
    cause:
      'cipher_suites of one Envoy lack those of the other one, or are for RSA keys where the key is EC (or the reverse)',
    advice: 'leave cipher_suites out, or allow TLSv1_3, whose suites are not chosen by it',
  },
  'tls-curves': {
    symptom: 'both sides have no curve for the key exchange in common',
    cause: 'ecdh_curves of one Envoy have none of the other one (X25519 and P-256 by default)',
    advice: 'leave ecdh_curves out on both sides, or add P-256',
  },
  'tls-alpn': {
    symptom: 'both sides have no application protocol in common',
    cause:
      'alpn_protocols of client and server differ: the handshake goes on without one, and what follows may not fit',
    advice: 'compare alpn_protocols and the HTTP versions of cluster and listener',
  },
  'key-type': {
    symptom: 'the key of the certificate is of a kind that Envoy does not verify by itself',
    cause:
      'Ed25519, Ed448 and P-521 are not among the signatures that BoringSSL accepts by default, or signature_algorithms lack that of the key',
    advice: 'use --key-type ec-p256 (or rsa-2048), or set tls_params.signature_algorithms of the verifying Envoy',
  },
  'envoy-shows-none': {
    symptom: 'Envoy shows no certificate',
    cause: 'its TLS context has no tls_certificate_sds_secret_configs',
    advice: 'take the TLS contexts of `sidecert bootstrap`, or add the certificate by SDS (default)',
  },
  'envoy-own-files': {
    symptom: 'Envoy shows another certificate than that of its agent',
    cause: 'its TLS context has tls_certificates of its own, or takes the secret from a file (path_config_source)',
    advice: 'replace them by tls_certificate_sds_secret_configs (default); docs/migration.md has the steps',
  },
  'envoy-own-roots': {
    symptom: 'Envoy verifies by other roots than those of its agent',
    cause: 'its validation context has trusted_ca of its own, or takes the secret from a file (path_config_source)',
    advice: 'replace it by validation_context_sds_secret_config (ROOTCA); docs/migration.md has the steps',
  },
  'envoy-of-another': {
    symptom: 'Envoy has the certificate of another workload than its agent',
    cause:
      'the admin pages or the dump of another Envoy were given, or its SDS cluster leads to the socket of another agent',
    advice: 'compare --a-envoy and --b-envoy, and pipe.path of the SDS cluster with --socket',
  },
  'envoy-pins': {
    symptom: 'Envoy lets in pinned certificates alone',
    cause:
      'verify_certificate_hash or verify_certificate_spki name certificates or keys, and each rotation brings new ones',
    advice: 'leave the pins out: match the SPIFFE ID (match_typed_subject_alt_names)',
  },
  'not-verified': {
    symptom: 'Envoy does not verify its peer',
    cause: 'require_client_certificate is off, its TLS context has no roots, or it has ACCEPT_UNTRUSTED',
    advice: 'take the TLS contexts of `sidecert bootstrap`: require_client_certificate and the bundle by SDS',
  },
  'no-envoy': {
    symptom: 'no Envoy is connected to the agent',
    cause: 'Envoy does not run, has another path of the socket, or may not connect to it',
    advice:
      'compare pipe.path of the cluster in the bootstrap of Envoy with --socket; in containers, mount its directory in both',
  },
  'socket-locked': {
    symptom: 'no Envoy can connect to the socket of the agent: permission denied',
    cause: 'the mode and the group of the socket let other users in than that of Envoy',
    advice: 'set --socket-mode 0660 and --socket-group to a group of Envoy, or run both as one user',
  },
  'name-never-served': {
    symptom: 'Envoy asks for a secret that the agent never serves',
    cause: 'the name in sds_secret_config is not one of the agent',
    advice:
      'mend the name in the configuration of Envoy (default and ROOTCA as a rule), or set --certificate-name, --bundle-name',
  },
  'envoy-refused': {
    symptom: 'Envoy has refused a secret of the agent (NACK)',
    cause: 'the text of Envoy says why; it may blame the other one of certificate and bundle',
    advice: 'mend what the text names; Envoy goes on with what it had before, or without',
  },
  'envoy-behind': {
    symptom: 'Envoy holds an older version of a secret than the agent',
    cause: 'it has not ACKed the newest one: it hangs, is overloaded, or its connection is dead',
    advice: 'look at the CPU and the log of Envoy (sds.<name>.update_rejected, update_failure); restart it if it hangs',
  },
  'renewal-failing': {
    symptom: 'renewals fail while the certificate is still valid',
    cause: 'the last failure says why',
    advice: 'mend it before the certificate expires',
  },
  'plain-http': {
    symptom: 'a peer speaks plain HTTP/1.1 on the socket of the agent',
    cause: 'curl, a probe, or an Envoy cluster without http2_protocol_options asks there',
    advice: 'give the cluster of Envoy http2_protocol_options; ask --status-address for pages',
  },
  'key-exposed': {
    symptom: 'a key or token file can be read by other users',
    cause: 'its mode, and those of its directories, let every user in',
    advice: 'give it mode 0600 or 0640',
  },
} as const satisfies Readonly<Record<string, Symptom>>;

export type SymptomId = keyof typeof SYMPTOMS;

export function symptomOf(id: SymptomId): Symptom {
  return SYMPTOMS[id];
}

/** By the codes of docs/errors.md. */
const OF_CODES: Readonly<Record<string, SymptomId>> = {
  ERR_CA_REFUSED_TOKEN: 'token-refused',
  ERR_TOKEN_EXPIRED: 'token-expired',
  ERR_TOKEN_MISSING: 'token-missing',
  ERR_TOKEN_MALFORMED: 'token-missing',
  ERR_CA_UNAVAILABLE: 'ca-unreachable',
  ERR_CA_KEY_UNAVAILABLE: 'ca-key-away',
  ERR_CA_DEADLINE: 'ca-hangs',
  ERR_CA_UNTRUSTED: 'ca-untrusted',
  ERR_CA_ROOT_INVALID: 'ca-untrusted',
  ERR_CA_OVERLOADED: 'ca-overloaded',
  ERR_CA_REJECTED_CSR: 'csr-rejected',
  ERR_CA_RESPONSE_INVALID: 'ca-answer',
  ERR_SVID_IDENTITY_MISMATCH: 'identity-mismatch',
  ERR_SVID_NOT_VALID_NOW: 'certificate-early',
  ERR_SVID_UNTRUSTED: 'answer-refused',
  ERR_SVID_MALFORMED: 'answer-refused',
  ERR_SVID_KEY_MISMATCH: 'answer-refused',
  ERR_BUNDLE_INVALID: 'answer-refused',
};

/** `undefined` for a code that has no symptom of its own: docs/errors.md says what to do. */
export function symptomOfCode(code: string): SymptomId | undefined {
  return Object.hasOwn(OF_CODES, code) ? OF_CODES[code] : undefined;
}
