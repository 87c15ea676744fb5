// Tokens that carry what a server would have to remember, signed so that it knows its own words again: JWT (RFC 7519), HS256 alone.

import { type JWTPayload, jwtVerify, SignJWT } from 'jose';

export interface Tokens {
  sign(claims: JWTPayload): Promise<string>;
  /** The claims of a token that was signed with this key, whether or not its time has passed; undefined for any other. */
  read(token: string): JWTPayload | undefined | Promise<JWTPayload | undefined>;
}

/** Longer ones are not even looked at, in characters. */
const LONGEST = 4_096;
/** Tokens that need not be verified again, as long as this key holds: a signature does not grow wrong. */
const KEPT = 1_024;

/** `key`: 32 bytes. It is imported once: with raw bytes each verification would do that again. */
export async function tokensOf(key: Buffer): Promise<Tokens> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', new Uint8Array(key), algorithm, false, ['sign', 'verify']);
  /** Filed under the token itself, in the order in which they came: the oldest makes room. */
  const known = new Map<string, JWTPayload>();

  return {
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(imported),

    read(token) {
      if (token.length > LONGEST) return undefined;
      return known.get(token) ?? verify(token);
    },
  };

  async function verify(token: string): Promise<JWTPayload | undefined> {
    try {
      // What time it is, only the rules know; they look at `exp`.
      const currentDate = new Date(0);
      const { payload } = await jwtVerify(token, imported, {
        algorithms: ['HS256'],
        requiredClaims: ['sub', 'exp'],
        currentDate,
      });
      if (known.size >= KEPT)
        for (const oldest of known.keys()) {
          known.delete(oldest);
          break;
        }
      known.set(token, payload);
      return payload;
    } catch (error) {
      // Any other error is a fault of ours.
      if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('ERR_J')) throw error;
      return undefined;
    }
  }
}
