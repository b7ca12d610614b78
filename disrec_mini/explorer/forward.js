// The forward pass of DisRec in evaluation mode, for one sequence of clicks.
//
// settings: {n_items, dim, n_blocks, n_intents, remedy, uniform}
// weights: PyTorch's name -> Float32Array, matrices row by row
// makeModel(...) returns run(items): item ids, oldest first, at least one and no more
// than the model can read. M items, K intentions, vectors of D numbers.
function makeModel(settings, weights) {
  const D = settings.dim, K = settings.n_intents, M = settings.n_items;
  const rootD = Math.sqrt(D);

  const row = (table, i) => weights[table].subarray(i * D, (i + 1) * D);
  const add = (a, b) => Float64Array.from(a, (x, d) => x + b[d]);
  const relu = (a) => a.map((x) => Math.max(x, 0));

  function dot(a, b) {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += a[d] * b[d];
    return sum;
  }

  // W x + b
  function linear(name, x) {
    const bias = weights[name + ".bias"];
    return Float64Array.from(bias, (b, d) => dot(row(name + ".weight", d), x) + b);
  }

  // LN(x) = (x - mean) / sqrt(variance + 1e-8), then gain and bias if it has a name
  function norm(name, x) {
    let mean = 0, variance = 0;
    for (let d = 0; d < D; d++) mean += x[d] / D;
    for (let d = 0; d < D; d++) variance += (x[d] - mean) ** 2 / D;
    const scale = 1 / Math.sqrt(variance + 1e-8);
    const plain = Float64Array.from(x, (value) => (value - mean) * scale);
    if (!name) return plain;
    const gain = weights[name + ".weight"], bias = weights[name + ".bias"];
    return plain.map((value, d) => value * gain[d] + bias[d]);
  }

  function softmax(logits) {
    const top = Math.max(...logits);
    const powers = logits.map((x) => Math.exp(x - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((x) => x / sum);
  }

  // sum over i of share_i v_i
  function mix(shares, vectors) {
    const sum = new Float64Array(D);
    shares.forEach((share, i) => {
      for (let d = 0; d < D; d++) sum[d] += share * vectors[i][d];
    });
    return sum;
  }

  // One SASRec block:  n = LN_a(x);  x' = n + A V,  A = softmax over j <= i of
  // (n_i Wq + bq) . (x_j Wk + bk) / sqrt(D),  V = x Wv + bv;
  // y = LN_b(x');  output = y + W2 ReLU(W1 y + b1) + b2
  function block(name, x) {
    const keys = x.map((x_j) => linear(name + "key", x_j));
    const values = x.map((x_j) => linear(name + "value", x_j));
    return x.map((x_i, i) => {
      const n = norm(name + "norm_query", x_i);
      const query = linear(name + "query", n);
      const past = keys.slice(0, i + 1);
      const attention = softmax(past.map((key) => dot(query, key) / rootD));
      const y = norm(name + "norm_feedforward", add(n, mix(attention, values)));
      return add(y, linear(name + "outer", relu(linear(name + "inner", y))));
    });
  }

  // e_i = sqrt(D) h_{x_i} + position_i, the blocks, z_i = LN_f(output)
  function encode(items) {
    let x = items.map((item, i) => {
      const position = row("encoder.position_embedding.weight", i);
      const h = row("encoder.item_embedding.weight", item);
      return Float64Array.from(h, (h_d, d) => rootD * h_d + position[d]);
    });
    for (let l = 0; l < settings.n_blocks; l++)
      x = block("encoder.blocks." + l + ".", x);
    return x.map((x_i) => norm("encoder.norm", x_i));
  }

  // p_{k|i} = softmax over k of LN1(z_i) . LN2(c_k) / sqrt(D). With the remedy both
  // norms are plain and z is centred; before its prototypes are placed all p are equal.
  const named = (name) => (settings.remedy ? null : "intentions." + name);
  const prototypes = Array.from({length: K}, (_, k) =>
    norm(named("norm_prototype"), row("intentions.prototypes", k)));
  function cluster(z_i) {
    if (settings.uniform) return Array(K).fill(1 / K);
    const mean = weights["intentions.z_mean"];
    const centred = settings.remedy ? z_i.map((x, d) => x - mean[d]) : z_i;
    const click = norm(named("norm_click"), centred);
    return softmax(prototypes.map((c_k) => dot(click, c_k) / rootD));
  }

  // p_i = softmax over i of key_i . query / sqrt(D) with
  // key_i = k_i + ReLU(W^T k_i + b), k_i = LN3(alpha_i + z_i) and, t being the last
  // click, query = LN4(alpha_t + z_t + b')
  function weigh(z) {
    const t = z.length - 1;
    const last = add(z[t], row("intentions.alpha", t)), b = "intentions.query_bias";
    const query = norm("intentions.norm_query", add(last, weights[b]));
    return softmax(z.map((z_i, i) => {
      const k_i = norm("intentions.norm_key", add(z_i, row("intentions.alpha", i)));
      return dot(add(k_i, relu(linear("intentions.key", k_i))), query) / rootD;
    }));
  }

  // What comes back, i counting clicks, k intentions and j items (j = 0 is no item):
  // cluster[i][k] = p_{k|i};  weight[i] = p_i;  phi[k];
  // scores[k][j] = h_j . phi^(k) / sqrt(D);  best[j] = max over k, winner[j] = that k
  return function run(items) {
    const z = encode(items);
    const p = z.map(cluster), weight = weigh(z);
    // phi^(k) = LN5( beta_k + sum over i of p_{k|i} p_i z_i ); while clicks are not
    // yet divided, all of each goes to every intention, and beta_k is their mean
    const phi = prototypes.map((_, k) => {
      const parts = weight.map((p_i, i) => (settings.uniform ? 1 : p[i][k]) * p_i);
      const beta_k = row("intentions.beta_past", k);
      return norm("intentions.norm_out", add(beta_k, mix(parts, z)));
    });
    const scores = phi.map(() => new Float64Array(M + 1).fill(-Infinity));
    const best = new Float64Array(M + 1).fill(-Infinity);
    const winner = new Uint16Array(M + 1);
    for (let j = 1; j <= M; j++) {
      const h_j = row("encoder.item_embedding.weight", j);
      phi.forEach((phi_k, k) => {
        scores[k][j] = dot(h_j, phi_k) / rootD;
        if (scores[k][j] > best[j]) { best[j] = scores[k][j]; winner[j] = k; }
      });
    }
    return {z: z, cluster: p, weight: weight, phi: phi, scores: scores, best: best,
      winner: winner};
  };
}
