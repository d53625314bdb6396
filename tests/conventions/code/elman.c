/* One sequence; matrices are rows one after the other. h holds n_steps + 1 states, h0 first. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

void elman_backward(int64_t n_steps, int64_t n_in, int64_t n_hid, const double *x,
                    const double *w_in, const double *w_rec, const double *bias, double *h,
                    const double *dh, double *dw_in, double *dw_rec, double *dbias)
{
    double *dz = calloc(n_hid, sizeof *dz), *carry = calloc(n_hid, sizeof *carry);
    for (int64_t t = 0; t < n_steps; t++)
        for (int64_t j = 0; j < n_hid; j++) {
            double z = bias[j];
            for (int64_t i = 0; i < n_in; i++) z += x[t * n_in + i] * w_in[i * n_hid + j];
            for (int64_t k = 0; k < n_hid; k++) z += h[t * n_hid + k] * w_rec[k * n_hid + j];
            h[(t + 1) * n_hid + j] = tanh(z);
        }
    for (int64_t t = n_steps - 1; t >= 0; t--) {
        for (int64_t j = 0; j < n_hid; j++) {
            double out = h[(t + 1) * n_hid + j];
            dz[j] = (dh[t * n_hid + j] + carry[j]) * (1 - out * out);
            dbias[j] += dz[j];
            for (int64_t i = 0; i < n_in; i++) dw_in[i * n_hid + j] += x[t * n_in + i] * dz[j];
            for (int64_t k = 0; k < n_hid; k++) dw_rec[k * n_hid + j] += h[t * n_hid + k] * dz[j];
        }
        for (int64_t k = 0; k < n_hid; k++) {
            carry[k] = 0;
            for (int64_t j = 0; j < n_hid; j++) carry[k] += w_rec[k * n_hid + j] * dz[j];
        }
    }
    free(dz);
    free(carry);
}
