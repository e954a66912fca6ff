/* SPDX-License-Identifier: MIT */
/*
 * Mersenne Twister (MT19937), seeded and drawn from as Python's random.Random is: by the digits of
 * a number, or by those of a text with its SHA-512 behind it.
 */
#include "tools/sim/random.h"

#include <math.h>
#include <string.h>

/* ---- SHA-512 (FIPS 180-4) ---- */

#define BLOCK_BYTES  128
#define DIGEST_BYTES 64

static const uint64_t sha512_rounds[80] = {
	0x428a2f98d728ae22ull, 0x7137449123ef65cdull, 0xb5c0fbcfec4d3b2full, 0xe9b5dba58189dbbcull,
	0x3956c25bf348b538ull, 0x59f111f1b605d019ull, 0x923f82a4af194f9bull, 0xab1c5ed5da6d8118ull,
	0xd807aa98a3030242ull, 0x12835b0145706fbeull, 0x243185be4ee4b28cull, 0x550c7dc3d5ffb4e2ull,
	0x72be5d74f27b896full, 0x80deb1fe3b1696b1ull, 0x9bdc06a725c71235ull, 0xc19bf174cf692694ull,
	0xe49b69c19ef14ad2ull, 0xefbe4786384f25e3ull, 0x0fc19dc68b8cd5b5ull, 0x240ca1cc77ac9c65ull,
	0x2de92c6f592b0275ull, 0x4a7484aa6ea6e483ull, 0x5cb0a9dcbd41fbd4ull, 0x76f988da831153b5ull,
	0x983e5152ee66dfabull, 0xa831c66d2db43210ull, 0xb00327c898fb213full, 0xbf597fc7beef0ee4ull,
	0xc6e00bf33da88fc2ull, 0xd5a79147930aa725ull, 0x06ca6351e003826full, 0x142929670a0e6e70ull,
	0x27b70a8546d22ffcull, 0x2e1b21385c26c926ull, 0x4d2c6dfc5ac42aedull, 0x53380d139d95b3dfull,
	0x650a73548baf63deull, 0x766a0abb3c77b2a8ull, 0x81c2c92e47edaee6ull, 0x92722c851482353bull,
	0xa2bfe8a14cf10364ull, 0xa81a664bbc423001ull, 0xc24b8b70d0f89791ull, 0xc76c51a30654be30ull,
	0xd192e819d6ef5218ull, 0xd69906245565a910ull, 0xf40e35855771202aull, 0x106aa07032bbd1b8ull,
	0x19a4c116b8d2d0c8ull, 0x1e376c085141ab53ull, 0x2748774cdf8eeb99ull, 0x34b0bcb5e19b48a8ull,
	0x391c0cb3c5c95a63ull, 0x4ed8aa4ae3418acbull, 0x5b9cca4f7763e373ull, 0x682e6ff3d6b2b8a3ull,
	0x748f82ee5defb2fcull, 0x78a5636f43172f60ull, 0x84c87814a1f0ab72ull, 0x8cc702081a6439ecull,
	0x90befffa23631e28ull, 0xa4506cebde82bde9ull, 0xbef9a3f7b2c67915ull, 0xc67178f2e372532bull,
	0xca273eceea26619cull, 0xd186b8c721c0c207ull, 0xeada7dd6cde0eb1eull, 0xf57d4f7fee6ed178ull,
	0x06f067aa72176fbaull, 0x0a637dc5a2c898a6ull, 0x113f9804bef90daeull, 0x1b710b35131c471bull,
	0x28db77f523047d84ull, 0x32caab7b40c72493ull, 0x3c9ebe0a15c9bebcull, 0x431d67c49c100d4cull,
	0x4cc5d4becb3e42b6ull, 0x597f299cfc657e2aull, 0x5fcb6fab3ad6faecull, 0x6c44198c4a475817ull,
};

static const uint64_t sha512_start[8] = {
	0x6a09e667f3bcc908ull, 0xbb67ae8584caa73bull, 0x3c6ef372fe94f82bull, 0xa54ff53a5f1d36f1ull,
	0x510e527fade682d1ull, 0x9b05688c2b3e6c1full, 0x1f83d9abfb41bd6bull, 0x5be0cd19137e2179ull,
};

static uint64_t rotate(uint64_t value, unsigned n)
{
	return value >> n | value << (64 - n);
}

static void sha512_schedule(const uint8_t *block, uint64_t w[80])
{
	for (unsigned i = 0; i < 16; i++) {
		w[i] = 0;
		for (unsigned j = 0; j < 8; j++)
			w[i] = w[i] << 8 | block[8 * i + j];
	}
	for (unsigned i = 16; i < 80; i++) {
		uint64_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (rotate(a, 1) ^ rotate(a, 8) ^ a >> 7) +
		       (rotate(b, 19) ^ rotate(b, 61) ^ b >> 6);
	}
}

static void sha512_add_block(uint64_t state[8], const uint8_t *block)
{
	uint64_t w[80], s[8];

	sha512_schedule(block, w);
	memcpy(s, state, sizeof(s));
	for (unsigned i = 0; i < 80; i++) {
		uint64_t first = s[7] + (rotate(s[4], 14) ^ rotate(s[4], 18) ^ rotate(s[4], 41)) +
				 ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha512_rounds[i] + w[i];
		uint64_t second = (rotate(s[0], 28) ^ rotate(s[0], 34) ^ rotate(s[0], 39)) +
				  ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += first;
		s[0] = first + second;
	}
	for (unsigned i = 0; i < 8; i++)
		state[i] += s[i];
}

/* Of less than two blocks. */
static void sha512(const uint8_t *bytes, size_t n, uint8_t digest[DIGEST_BYTES])
{
	uint8_t padded[3 * BLOCK_BYTES] = {0};
	size_t n_blocks = (n + 17 + BLOCK_BYTES - 1) / BLOCK_BYTES;
	uint64_t state[8];

	memcpy(state, sha512_start, sizeof(state));
	memcpy(padded, bytes, n);
	padded[n] = 0x80;
	padded[n_blocks * BLOCK_BYTES - 2] = (uint8_t)(n * 8 >> 8);
	padded[n_blocks * BLOCK_BYTES - 1] = (uint8_t)(n * 8);
	for (size_t i = 0; i < n_blocks; i++)
		sha512_add_block(state, padded + i * BLOCK_BYTES);
	for (unsigned i = 0; i < DIGEST_BYTES; i++)
		digest[i] = (uint8_t)(state[i / 8] >> (56 - 8 * (i % 8)));
}

/* ---- MT19937 ---- */

#define MIDDLE 397

static void twister_init(struct sim_random *random, uint32_t seed)
{
	random->words[0] = seed;
	for (unsigned i = 1; i < SIM_RANDOM_WORDS; i++) {
		uint32_t before = random->words[i - 1];

		random->words[i] = 1812433253u * (before ^ before >> 30) + i;
	}
	random->at = 0;
	random->has_normal = false;
}

static uint32_t mix(const struct sim_random *random, unsigned i, uint32_t factor)
{
	uint32_t before = random->words[i - 1];

	return random->words[i] ^ (before ^ before >> 30) * factor;
}

static unsigned step(struct sim_random *random, unsigned i)
{
	if (++i < SIM_RANDOM_WORDS)
		return i;
	random->words[0] = random->words[SIM_RANDOM_WORDS - 1];
	return 1;
}

/* `key`: the lowest word first. */
static void twister_init_by_key(struct sim_random *random, const uint32_t *key, unsigned n)
{
	unsigned n_steps = n > SIM_RANDOM_WORDS ? n : SIM_RANDOM_WORDS, i = 1, j = 0;

	twister_init(random, 19650218);
	for (; n_steps > 0; n_steps--) {
		random->words[i] = mix(random, i, 1664525) + key[j] + j;
		i = step(random, i);
		j = j + 1 < n ? j + 1 : 0;
	}
	for (n_steps = SIM_RANDOM_WORDS - 1; n_steps > 0; n_steps--) {
		random->words[i] = mix(random, i, 1566083941) - i;
		i = step(random, i);
	}
	random->words[0] = 0x80000000u;
}

/* Each word is made when it is drawn: most seeds are good for a few. */
static uint32_t draw(struct sim_random *random)
{
	uint32_t *words = random->words, y;
	unsigned i = random->at, next = i + 1 < SIM_RANDOM_WORDS ? i + 1 : 0;
	unsigned middle =
		i + MIDDLE < SIM_RANDOM_WORDS ? i + MIDDLE : i + MIDDLE - SIM_RANDOM_WORDS;

	y = (words[i] & 0x80000000u) | (words[next] & 0x7fffffffu);
	words[i] = words[middle] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
	random->at = next;
	y = words[i];
	y ^= y >> 11;
	y ^= y << 7 & 0x9d2c5680u;
	y ^= y << 15 & 0xefc60000u;
	return y ^ y >> 18;
}

/* ---- seeds ---- */

void sim_random_init_number(struct sim_random *random, unsigned __int128 number)
{
	uint32_t key[4];
	unsigned n = 0;

	do
		key[n++] = (uint32_t)number;
	while (number >>= 32);
	twister_init_by_key(random, key, n);
}

void sim_random_init_text(struct sim_random *random, const char *text)
{
	uint8_t bytes[SIM_RANDOM_TEXT_MAX + DIGEST_BYTES];
	uint32_t key[sizeof(bytes) / 4 + 1] = {0};
	size_t n = strnlen(text, SIM_RANDOM_TEXT_MAX);

	memcpy(bytes, text, n);
	sha512(bytes, n, bytes + n);
	n += DIGEST_BYTES;
	for (size_t i = 0; i < n; i++)
		key[i / 4] |= (uint32_t)bytes[n - 1 - i] << 8 * (i % 4);
	twister_init_by_key(random, key, (unsigned)(n + 3) / 4);
}

/* ---- draws ---- */

double sim_random_unit(struct sim_random *random)
{
	uint32_t high = draw(random) >> 5, low = draw(random) >> 6;

	return (high * 0x1p26 + low) * 0x1p-53;
}

double sim_random_exponential(struct sim_random *random, double mean)
{
	return -mean * log(1 - sim_random_unit(random));
}

double sim_random_normal(struct sim_random *random)
{
	double angle, radius;

	random->has_normal = !random->has_normal;
	if (!random->has_normal)
		return random->normal;
	angle = 2 * M_PI * sim_random_unit(random);
	radius = sqrt(-2 * log(1 - sim_random_unit(random)));
	random->normal = radius * sin(angle);
	return radius * cos(angle);
}
