/* How far gaps are off the baseline. */
#include "rig/measure/checks/level_jump.h"

#include <math.h>

#include "rig/measure/statistics.h"

/* Every second of those kept stays. */
static void thin_out(struct level_jump *j)
{
	for (unsigned i = 0; i < JUMP_KEPT / 2; i++)
		j->kept[i] = j->kept[2 * i];
	j->keeps = JUMP_KEPT / 2;
	j->each *= 2;
}

void level_jump_add(struct level_jump *j, double off_n, bool next)
{
	double off = fabs(off_n);

	if (j->gaps == 0)
		j->each = 1;
	if (j->gaps > 0 && next)
		j->largest = fmax(j->largest, fmin(off, j->before));
	j->before = off;
	if (j->gaps++ % j->each != 0)
		return;
	if (j->keeps == JUMP_KEPT)
		thin_out(j);
	j->kept[j->keeps++] = (float)off;
}

struct level_jump_look level_jump_look(const struct level_jump *j)
{
	struct level_jump_look ret = {.largest_n = j->largest};
	double sorted[JUMP_KEPT];

	for (unsigned i = 0; i < j->keeps; i++)
		sorted[i] = (double)j->kept[i];
	ret.usual_n = j->keeps > 0 ? select_kth(sorted, j->keeps, j->keeps / 2) / 0.67449 : 0.0;
	return ret;
}
