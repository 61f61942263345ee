/* Files of fixtures/profiles/ as the assembler takes them in; the Makefile knows that this file changes with them. */
#include "drivers/profile/shipped.h"

#include <string.h>

#include "rig/base/json.h"

#define FILE_IN(symbol, name)                                                                                          \
	__asm__(".section .rodata\n.balign 16\n" #symbol "_begin:\n.incbin \"fixtures/profiles/" name "\"\n" #symbol   \
		"_end:\n.byte 0\n.previous\n");                                                                        \
	extern const char symbol##_begin[] __attribute__((visibility("hidden")));                                      \
	extern const char symbol##_end[] __attribute__((visibility("hidden")))

#define PROFILE_IN(symbol, name)                                                                                       \
	FILE_IN(profile_##symbol, name ".json");                                                                       \
	FILE_IN(dialogue_##symbol, name ".dialogue")

#define PROFILE(symbol, words)                                                                                         \
	{                                                                                                              \
		.name = words, .text = profile_##symbol##_begin, .dialogue = dialogue_##symbol##_begin                 \
	}

PROFILE_IN(mt_sics, "mt-sics");
PROFILE_IN(kern_kcp, "kern-kcp");
PROFILE_IN(kern_scale, "kern-scale");
PROFILE_IN(sartorius_sbi, "sartorius-sbi");
PROFILE_IN(and_balance, "and-balance");
PROFILE_IN(sma, "sma");
PROFILE_IN(mark10_gcl, "mark10-gcl");
PROFILE_IN(sauter_fh, "sauter-fh");
PROFILE_IN(omega_al6, "omega-al6");
PROFILE_IN(hx711_csv, "hx711-csv");
PROFILE_IN(mitutoyo_vcp, "mitutoyo-vcp");
PROFILE_IN(sylvac, "sylvac");
PROFILE_IN(board_thermometer, "board-thermometer");

static const struct shipped_profile shipped[] = {
	PROFILE(mt_sics, "mt-sics"),
	PROFILE(kern_kcp, "kern-kcp"),
	PROFILE(kern_scale, "kern-scale"),
	PROFILE(sartorius_sbi, "sartorius-sbi"),
	PROFILE(and_balance, "and-balance"),
	PROFILE(sma, "sma"),
	PROFILE(mark10_gcl, "mark10-gcl"),
	PROFILE(sauter_fh, "sauter-fh"),
	PROFILE(omega_al6, "omega-al6"),
	PROFILE(hx711_csv, "hx711-csv"),
	PROFILE(mitutoyo_vcp, "mitutoyo-vcp"),
	PROFILE(sylvac, "sylvac"),
	PROFILE(board_thermometer, "board-thermometer"),
};

#define SHIPPED (sizeof(shipped) / sizeof(shipped[0]))

const struct shipped_profile *shipped_at(unsigned i)
{
	return i < SHIPPED ? &shipped[i] : NULL;
}

static const char *name_at(const void *list, size_t i)
{
	(void)list;
	return i < SHIPPED ? shipped[i].name : NULL;
}

const struct shipped_profile *shipped_find(const char *name, const char **ret_near)
{
	for (unsigned i = 0; i < SHIPPED; i++)
		if (strcmp(shipped[i].name, name) == 0)
			return &shipped[i];
	if (ret_near)
		*ret_near = json_nearest(name, name_at, NULL);
	return NULL;
}
