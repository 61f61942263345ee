/* Words of four counts, a table of the latest, and runs from one distance. */
#include "rig/measure/checks/repeats.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "rig/measure/clones.h"

#define BEFORE      (REPEATS_WORD - 1)
#define EQUAL_LEAST 0.02 /* however loud the noise is where it was looked at */
#define CHANCE      1e-9 /* of a run by chance, in all of a phase */

/* Which counts end a word that is looked up: one in REPEATS_EACH of any that differ, be their low bits or their high ones empty. */
VECTOR_CLONES static void choose(const int32_t *restrict counts, unsigned n, uint8_t *restrict ret)
{
	for (unsigned i = 0; i < n; i++)
		ret[i] = (uint32_t)counts[i] * 0x24420801u < UINT32_MAX / REPEATS_EACH;
}

static uint32_t hash_of(const int32_t *word)
{
	return ((uint32_t)word[0] * 2654435769u) ^ ((uint32_t)word[1] * 2246822519u) ^
	       ((uint32_t)word[2] * 3266489917u) ^ ((uint32_t)word[3] * 668265263u);
}

static bool is_flat(const int32_t *word)
{
	return word[0] == word[1] && word[1] == word[2] && word[2] == word[3];
}

static void end_run(struct repeats *r)
{
	r->lag = 0;
	r->words = 0;
}

/* Words that overlap are no news. */
static void add_word(struct repeats *r, uint32_t lag, uint32_t end, struct repeated *ret)
{
	if (lag != r->lag)
		r->words = 0;
	if (r->words > 0 && end - r->end < REPEATS_WORD)
		return;
	ret->went_on += r->words > 0;
	r->lag = lag;
	r->end = end;
	r->words++;
}

static void look_up(struct repeats *r, uint32_t hash, uint32_t end, struct repeated *ret)
{
	struct repeats_word *held = &r->held[(hash >> 16) % REPEATS_HELD];

	ret->looked++;
	if (held->end > 0 && held->hash == hash)
		add_word(r, end - held->end, end, ret);
	else
		end_run(r);
	*held = (struct repeats_word){.hash = hash, .end = end};
	if (r->words > ret->words) {
		ret->words = r->words;
		ret->lag = r->lag;
	}
}

void repeats_take(struct repeats *r, uint64_t index, const int32_t *counts, unsigned n, struct repeated *ret)
{
	int32_t all[BEFORE + REPEATS_PIECE];
	uint8_t chosen[REPEATS_PIECE + sizeof(uint64_t)] = {0};
	unsigned from = r->known < BEFORE ? BEFORE - r->known : 0;
	uint64_t some;

	memcpy(all, r->before, sizeof(r->before));
	memcpy(all + BEFORE, counts, n * sizeof(*counts));
	choose(counts, n, chosen);
	memset(chosen, 0, from);
	for (unsigned base = 0; base < n; base += sizeof(some)) {
		memcpy(&some, chosen + base, sizeof(some));
		for (some = le64toh(some); some != 0; some &= some - 1) { /* its bytes are 0 or 1 */
			unsigned i = base + (unsigned)__builtin_ctzll(some) / 8;

			if (!is_flat(all + i))
				look_up(r, hash_of(all + i), (uint32_t)(index + i + 1), ret);
		}
	}
	memcpy(r->before, all + n, sizeof(r->before));
	r->known = BEFORE < r->known + n ? BEFORE : r->known + n;
}

bool repeated_is_sure(const struct repeated *r, const struct repeated *at_rest, double equal)
{
	double went_on = at_rest->looked > 0 ? (double)at_rest->went_on / (double)at_rest->looked : 1.0;
	double word = fmax(went_on, pow(fmax(EQUAL_LEAST, equal), REPEATS_WORD));

	return r->words > 0 && (double)r->looked * REPEATS_HELD * pow(word, r->words) < CHANCE;
}
