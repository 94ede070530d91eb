/** Those that an operator meets, by the names of the standard. (PKCS #11 Specification 3.1, "Return values") */
const NAMES: Readonly<Record<number, string>> = {
  2: 'CKR_HOST_MEMORY',
  3: 'CKR_SLOT_ID_INVALID',
  5: 'CKR_GENERAL_ERROR',
  6: 'CKR_FUNCTION_FAILED',
  7: 'CKR_ARGUMENTS_BAD',
  32: 'CKR_DATA_INVALID',
  33: 'CKR_DATA_LEN_RANGE',
  48: 'CKR_DEVICE_ERROR',
  49: 'CKR_DEVICE_MEMORY',
  50: 'CKR_DEVICE_REMOVED',
  96: 'CKR_KEY_HANDLE_INVALID',
  98: 'CKR_KEY_SIZE_RANGE',
  99: 'CKR_KEY_TYPE_INCONSISTENT',
  104: 'CKR_KEY_FUNCTION_NOT_PERMITTED',
  112: 'CKR_MECHANISM_INVALID',
  113: 'CKR_MECHANISM_PARAM_INVALID',
  130: 'CKR_OBJECT_HANDLE_INVALID',
  144: 'CKR_OPERATION_ACTIVE',
  160: 'CKR_PIN_INCORRECT',
  161: 'CKR_PIN_INVALID',
  162: 'CKR_PIN_LEN_RANGE',
  163: 'CKR_PIN_EXPIRED',
  164: 'CKR_PIN_LOCKED',
  176: 'CKR_SESSION_CLOSED',
  177: 'CKR_SESSION_COUNT',
  179: 'CKR_SESSION_HANDLE_INVALID',
  224: 'CKR_TOKEN_NOT_PRESENT',
  225: 'CKR_TOKEN_NOT_RECOGNIZED',
  257: 'CKR_USER_NOT_LOGGED_IN',
  258: 'CKR_USER_PIN_NOT_INITIALIZED',
  400: 'CKR_CRYPTOKI_NOT_INITIALIZED',
};

/** The request or the key itself is at fault: another session would refuse it as well. */
const OF_THE_KEY: ReadonlySet<string> = new Set([
  ...['CKR_ARGUMENTS_BAD', 'CKR_DATA_INVALID', 'CKR_DATA_LEN_RANGE', 'CKR_KEY_SIZE_RANGE'],
  ...['CKR_KEY_TYPE_INCONSISTENT', 'CKR_KEY_FUNCTION_NOT_PERMITTED', 'CKR_MECHANISM_INVALID'],
  'CKR_MECHANISM_PARAM_INVALID',
]);

/** The token has counted a try, and locks itself after a few. */
const OF_THE_PIN: ReadonlySet<string> = new Set([
  ...['CKR_PIN_INCORRECT', 'CKR_PIN_INVALID', 'CKR_PIN_LEN_RANGE', 'CKR_PIN_EXPIRED', 'CKR_PIN_LOCKED'],
]);

/** What a module has refused: `C_Login: CKR_PIN_INCORRECT`. Any other error is told by its message. */
export function moduleProblem(error: unknown): string {
  const { message } = Object(error);
  const name = nameIn(error);
  return name === undefined ? String(message) : `${message}: ${name}`;
}

export function isOfThePin(error: unknown): boolean {
  return OF_THE_PIN.has(nameIn(error) ?? '');
}

/**
 * Whether a session, a login or the token itself may be what is lost: it is worth to open all of it again. Modules
 * differ in what they say then, so this is whatever is not known to be otherwise.
 */
export function isSessionLost(error: unknown): boolean {
  const name = nameIn(error);
  return name !== undefined && !OF_THE_KEY.has(name);
}

function nameIn(error: unknown): string | undefined {
  const { code, returnValue } = Object(error);
  if (code !== 'CKR' || typeof returnValue !== 'number') return undefined;
  return NAMES[returnValue] ?? `CKR 0x${returnValue.toString(16)}`;
}
