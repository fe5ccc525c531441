/* Gradient descent with AVX-512 intrinsics. X is stored in panels of eight rows, each by columns, and each iteration reads
   it once. Four panels are processed at once, and stay in the L1 cache between their two products. */
#include <immintrin.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum { ROWS = 8, AT_ONCE = 4 };

/* panels: a multiple of AT_ONCE. X: panels x d x ROWS. y: panels x ROWS. n: rows without padding.
   work: threads x (d + 1) x ROWS. Returns the number of losses. */
int descend(const double *restrict X, const double *restrict y, double *restrict beta, long panels, long n, long d,
            double learning_rate, int max_iter, double tol, double *restrict losses, double *restrict work) {
    int threads = omp_get_max_threads();
    long size = (d + 1) * ROWS;
    for (int k = 0;; k++) {
        memset(work, 0, sizeof(double) * threads * size);
        #pragma omp parallel for schedule(static)
        for (long p = 0; p < panels; p += AT_ONCE) {
            double *restrict sums = work + omp_get_thread_num() * size;
            const double *restrict a = X + p * d * ROWS, *restrict b = a + d * ROWS;
            const double *restrict c = b + d * ROWS, *restrict e = c + d * ROWS;
            __m512d ra = _mm512_loadu_pd(y + p * ROWS), rb = _mm512_loadu_pd(y + (p + 1) * ROWS);
            __m512d rc = _mm512_loadu_pd(y + (p + 2) * ROWS), re = _mm512_loadu_pd(y + (p + 3) * ROWS);
            for (long j = 0; j < d; j++) {
                __m512d weight = _mm512_set1_pd(beta[j]);
                ra = _mm512_fnmadd_pd(weight, _mm512_loadu_pd(a + j * ROWS), ra);
                rb = _mm512_fnmadd_pd(weight, _mm512_loadu_pd(b + j * ROWS), rb);
                rc = _mm512_fnmadd_pd(weight, _mm512_loadu_pd(c + j * ROWS), rc);
                re = _mm512_fnmadd_pd(weight, _mm512_loadu_pd(e + j * ROWS), re);
            }
            for (long j = 0; j < d; j++) {
                __m512d sum = _mm512_loadu_pd(sums + j * ROWS);
                sum = _mm512_fmadd_pd(ra, _mm512_loadu_pd(a + j * ROWS), sum);
                __m512d other = _mm512_mul_pd(rb, _mm512_loadu_pd(b + j * ROWS));
                sum = _mm512_fmadd_pd(rc, _mm512_loadu_pd(c + j * ROWS), sum);
                other = _mm512_fmadd_pd(re, _mm512_loadu_pd(e + j * ROWS), other);
                _mm512_storeu_pd(sums + j * ROWS, _mm512_add_pd(sum, other));
            }
            __m512d squares = _mm512_fmadd_pd(ra, ra, _mm512_mul_pd(rb, rb));
            squares = _mm512_fmadd_pd(rc, rc, _mm512_fmadd_pd(re, re, squares));
            _mm512_storeu_pd(sums + d * ROWS, _mm512_add_pd(_mm512_loadu_pd(sums + d * ROWS), squares));
        }
        double *total = work; /* of the first thread, with those of the others added */
        for (int t = 1; t < threads; t++)
            for (long i = 0; i < size; i++) total[i] += work[t * size + i];
        losses[k] = _mm512_reduce_add_pd(_mm512_loadu_pd(total + d * ROWS)) / n;
        if (!isfinite(losses[k]) || k == max_iter) return k + 1;
        if (k >= 1 && fabs(losses[k - 1] - losses[k]) < tol * losses[0]) return k + 1;
        for (long j = 0; j < d; j++)
            beta[j] -= learning_rate * (-2.0 / n) * _mm512_reduce_add_pd(_mm512_loadu_pd(total + j * ROWS));
    }
}
