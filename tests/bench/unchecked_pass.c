/* As full_pass, without the model checks: the linker puts these in the place of what collects for them and of what makes them
 * (Makefile). Only the search for glitches stays, which cleans the samples. unchecked_pass FILE.i16 */
#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/observe.h"
#include "tests/bench/full_pass.h"

void __wrap_observe_block(struct analysis *a, const struct span *span);
void __wrap_observe_stroke(struct analysis *a, const struct span *span, const struct pulse_fit *fit);
void __wrap_observe_tallied(struct analysis *a, const struct tallied *s, double interval);
void __wrap_observe_before(struct analysis *a, double depth_mm);
void __wrap_model_checks(const struct account *a);

void __wrap_observe_block(struct analysis *a, const struct span *span)
{
	(void)a, (void)span;
}

void __wrap_observe_stroke(struct analysis *a, const struct span *span, const struct pulse_fit *fit)
{
	(void)a, (void)span, (void)fit;
}

void __wrap_observe_tallied(struct analysis *a, const struct tallied *s, double interval)
{
	(void)a, (void)s, (void)interval;
}

void __wrap_observe_before(struct analysis *a, double depth_mm)
{
	(void)a, (void)depth_mm;
}

void __wrap_model_checks(const struct account *a)
{
	(void)a;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return full_pass(argv[1]);
	fprintf(stderr, "usage: unchecked_pass FILE.i16\n");
	return 2;
}
