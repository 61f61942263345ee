/* The full analysis of a raw file of PW1, model checks and all. full_pass FILE.i16 */
#include "tests/bench/full_pass.h"

int main(int argc, char **argv)
{
	if (argc == 2)
		return full_pass(argv[1]);
	fprintf(stderr, "usage: full_pass FILE.i16\n");
	return 2;
}
