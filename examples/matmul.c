/* SPDX-License-Identifier: MIT */
/*
 * A first program: multiplies two matrices on the NPU and checks the product.
 *
 *   cc matmul.c $(pkg-config --cflags --libs libnpu-ops)
 *   ./a.out [SOCKET]
 */
#include <npu.h>
#include <npu_ops.h>

#include <stdio.h>
#include <string.h>

enum { M = 20, K = 100, N = 30 };

static int8_t a[M][K], b[K][N];
static int32_t c[M][N];

static int multiply(struct npu_session *npu)
{
	struct npu_matmul_args args = {.shape = {M, K, N, NPU_MATMUL_INT8_INT32}};
	struct npu_matmul *matmul;
	int r;

	r = npu_matmul_new(npu, &args, &matmul);
	if (r < 0)
		return r;
	r = npu_matmul_set_a(matmul, a);
	if (r == 0)
		r = npu_matmul_set_b(matmul, b);
	if (r == 0)
		r = npu_matmul_run(matmul, -1);
	if (r == 0)
		r = npu_matmul_get_c(matmul, c);
	npu_matmul_free(matmul);
	return r;
}

static int count_wrong(void)
{
	int n_wrong = 0;

	for (int m = 0; m < M; m++)
		for (int n = 0; n < N; n++) {
			int32_t sum = 0;

			for (int k = 0; k < K; k++)
				sum += a[m][k] * b[k][n];
			n_wrong += c[m][n] != sum;
		}
	return n_wrong;
}

int main(int argc, char **argv)
{
	struct npu_open_args args = {.socket_path = argc > 1 ? argv[1] : NULL};
	struct npu_session *npu;
	int n_wrong;

	if (argc > 1 && argv[1][0] == '-') {
		fputs("usage: matmul [SOCKET]\n", stdout);
		return strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	if (npu_open(&args, &npu) < 0) {
		fprintf(stderr, "matmul: npud: %s (is it running? start it with `npud &`)\n",
			npu_last_error());
		return 3;
	}
	for (int i = 0; i < M * K; i++)
		a[i / K][i % K] = (int8_t)(i * 7 % 256 - 128);
	for (int i = 0; i < K * N; i++)
		b[i / N][i % N] = (int8_t)(i * 5 % 256 - 128);
	if (multiply(npu) < 0) {
		fprintf(stderr, "matmul: multiply: %s\n", npu_last_error());
		npu_close(npu);
		return 1;
	}
	n_wrong = count_wrong();
	printf("matmul: %dx%d times %dx%d on %s: c[0][0] = %d, %d wrong\n", M, K, K, N,
	       npu_query(npu)->device, c[0][0], n_wrong);
	npu_close(npu);
	return n_wrong ? 1 : 0;
}
