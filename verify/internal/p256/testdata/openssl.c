/* The peer of BenchmarkPeers: OpenSSL verifies one signature, again and again.

   Arguments: the point (SEC 1, 65 bytes), the digest, r and s, in hexadecimal. It reads numbers from standard input, verifies
   as often as each says, and answers with the processor time that took, in nanoseconds. With a fifth argument it
   verifies as often as that says and reads nothing.

   cc -O2 -o openssl-peer openssl.c -lcrypto */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static size_t unhex(const char *s, unsigned char *out, size_t max)
{
	size_t n = 0;
	unsigned byte;
	while (n < max && sscanf(s + 2 * n, "%2x", &byte) == 1)
		out[n++] = (unsigned char)byte;
	return n;
}

static void need(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "openssl-peer: %s\n", what);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned char point[65], digest[32], der[80], *end = der;
	need(argc >= 5, "arguments: POINT DIGEST R S [COUNT]");
	need(unhex(argv[1], point, sizeof point) == sizeof point, "point");
	need(unhex(argv[2], digest, sizeof digest) == sizeof digest, "digest");
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	const unsigned char *at = point;
	need(key && o2i_ECPublicKey(&key, &at, sizeof point) != NULL, "key");
	BIGNUM *r = NULL, *s = NULL;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	need(BN_hex2bn(&r, argv[3]) && BN_hex2bn(&s, argv[4]) && ECDSA_SIG_set0(sig, r, s), "signature");
	int length = i2d_ECDSA_SIG(sig, &end);
	need(length > 0 && length <= (int)sizeof der, "DER");

	long n = argc > 5 ? atol(argv[5]) : 0;
	while (n > 0 || scanf("%ld", &n) == 1) {
		struct timespec from, to;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		for (long i = 0; i < n; i++)
			need(ECDSA_verify(0, digest, sizeof digest, der, length, key) == 1, "refused");
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		printf("%lld\n", (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec);
		fflush(stdout);
		if (argc > 5)
			break;
		n = 0;
	}
	return 0;
}
