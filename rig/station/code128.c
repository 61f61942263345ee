/* Each symbol is three bars and three spaces, eleven modules in all; behind the text stands a check symbol, the values weighted by
 * their places modulo 103, and the stop pattern. */
#include "rig/station/code128.h"

#include <string.h>

enum { START_B = 104, VALUES = 103, FIRST = ' ', LAST = '~' };

static const char stop[] = "2331112";
static const char symbol[106][7] = {
	"212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213", "221312",
	"231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132", "221231", "213212",
	"223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211", "212123", "212321", "232121",
	"111323", "131123", "131321", "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331",
	"132131", "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131", "311123",
	"311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111", "111224", "111422", "121124",
	"121421", "141122", "141221", "112214", "112412", "122114", "122411", "142112", "142211", "241211", "221114",
	"413111", "241112", "134111", "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112",
	"421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311",
	"113141", "114131", "311141", "411131", "211412", "211214", "211232",
};

static void put(struct code128 *code, const char *widths)
{
	for (; *widths; widths++) {
		code->width[code->widths++] = (uint8_t)(*widths - '0');
		code->modules += (unsigned)(*widths - '0');
	}
}

bool code128_encode(const char *text, struct code128 *ret)
{
	size_t len = strlen(text);
	unsigned check = START_B;

	*ret = (struct code128){.widths = 0};
	if (len == 0 || len > CODE128_TEXT_MAX)
		return false;
	put(ret, symbol[START_B]);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < FIRST || text[i] > LAST)
			return false;
		unsigned value = (unsigned)(text[i] - FIRST);

		check = (check + (unsigned)(i + 1) * value) % VALUES;
		put(ret, symbol[value]);
	}
	put(ret, symbol[check]);
	put(ret, stop);
	return true;
}
