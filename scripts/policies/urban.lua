-- Region policy: urban.
--
-- For built-up areas: many cars from many makers, low speeds, signs that lorries and trees hide, and a map
-- that changes often. A change should be published within minutes; a wrong one annoys, and the next few
-- cars take it back.
--
-- How to work with this file
--   try it      rsuctl policy check urban.lua
--   put it in   rsuctl policy deploy urban.lua
-- All numbers are whole. There is no '/', no pairs and no '#': use //, sorted_keys(t) and len(list).
-- The script returns one table with every field and nothing else; `policy check` names what is missing,
-- unknown or out of range.

-- Lengths of time, written the way people say them.
local function seconds(n) return n * 1000 end
local function minutes(n) return seconds(60 * n) end
local function hours(n) return minutes(60 * n) end
local function days_in_minutes(n) return n * 24 * 60 end

-- Of learning: times in seconds; fractions of one in 2^-20; scores in 2^-16 of a nat.
local function in_seconds(ms) return ms // 1000 end
local function one(thousandths) return thousandths * (1 << 20) // 1000 end
local function nats(n) return n << 16 end

-- One bit of evidence doubles the odds. 2^bits passes of honest traffic give at most one false change.
local function bits_for(passes)
    local bits = 0
    while (1 << bits) < passes do bits = bits + 1 end
    return bits
end

-- How often one look is right. `seen`: of 1000 looks at something that is there, how many report it;
-- `imagined`: of 1000 looks at nothing, how many report something all the same.
local function look(seen, imagined)
    assert(seen > imagined, "a sensor must see more than it imagines")
    return { seen = seen, imagined = imagined }
end

-- The map's fields want the two columns apart, in parts per million.
local function rates(looks)
    local tpr, fpr = {}, {}
    for _, class in ipairs(sorted_keys(looks)) do
        tpr[class] = looks[class].seen * 1000
        fpr[class] = looks[class].imagined * 1000
    end
    return { tpr_ppm = tpr, fpr_ppm = fpr }
end

-- Kinds of elements whose changes are published at once; each stands for 2^kind.
local kind = { speed_limit = 4, hazard = 8 }
local function kinds(list)
    local sum = 0
    for _, k in ipairs(list) do sum = sum | 1 << k end
    return sum
end

-- Hidden signs are common in town, so a look that misses one weighs little: `seen` is modest.
local sign = rates {
    unknown = look(700, 100), -- software or sensor that no registry vouches for
    camera_good = look(950, 20),
    camera_basic = look(900, 50),
    lidar = look(800, 20), -- sees the plate well, reads it poorly
    roadside = look(990, 1), -- our own fixed cameras and probe vehicles
}

-- A limit is inferred from plates and road type: a little less certain than the plate itself.
local speed_limit = rates {
    unknown = look(700, 100),
    camera_good = look(930, 20),
    camera_basic = look(850, 50),
    lidar = look(600, 50),
    roadside = look(990, 1),
}

-- Markings and hazards: worn paint, rain, parked cars.
local other = rates {
    unknown = look(600, 150),
    camera_good = look(850, 50),
    camera_basic = look(700, 100),
    lidar = look(750, 80),
    roadside = look(980, 5),
}

return {
    map = {
        -- Permanent changes: at most one false one in a million passes.
        confirm_bits = bits_for(1000000), -- 20
        margin_bits = 6, -- clear of the second-best explanation, 64 to 1
        group_cap_bits = 8, -- cars that err together count as one witness, however many they are
        min_groups = 3,
        min_families = 2, -- no maker's software changes the map alone
        min_issuers = 2, -- nor does one certificate authority
        rest_bits = 12, -- and whoever speaks loudest is left out: the others must be nearly sure as well
        liars_ppm = 333333, -- a third of all vehicles may lie, and agree on it
        liars_bits = 9, -- then one lie in 500 passes a thing
        min_vehicles = 5, -- in one window; and nobody can be told from what is published
        min_views = 2, -- a lorry hides a sign from one line of sight, not from two

        -- Advisories: sent within seconds, gone by themselves, never written to the map.
        advisory_bits = 12,
        advisory_vehicles = 2,
        advisory_ms = minutes(15),

        -- Who counts, when.
        group_ms = minutes(10),
        window_ms = minutes(30), -- long enough to tell min_vehicles cars apart on a quiet road
        pseudonym_gap_ms = seconds(25), -- 3 to 13 s of silence at a change of certificate, and a look before and after
        pseudonym_overlap_mm = 1500, -- less than a vehicle is wide
        vehicle_speed_mm_s = 20000,
        reputation_prior = 500, -- this many reports say more than what the class is known for
        reputation_max_ppm = 500000, -- and nobody is taken for worse than this
        evidence_hours = 24 * 30, -- who doubts a change can ask for a message that speaks for it
        max_age_ms = seconds(30),
        epoch_ms = hours(1),
        map_sigma_mm = 150,

        -- What stands elsewhere: a plate that one car sees off its place by its receiver's error has not moved.
        move_min_mm = 1000,
        move_reach_mm = 30000, -- and what is put up again further away is another plate
        place_sigma_mm = 180, -- eight looks of half a metre each
        place_sightings = 5, -- however exact they say they are
        place_families = 2,
        -- What a sensor cannot do better, whatever its vehicle says: where it is itself is in this as well.
        sigma_min_mm = { unknown = 500, camera_good = 200, camera_basic = 300, lidar = 100, roadside = 50 },

        -- New map versions: gather for half a minute at most; limits and hazards go out at once.
        version_changes = 8,
        version_age_ms = seconds(30),
        immediate_kinds = kinds { kind.speed_limit, kind.hazard },

        -- How long evidence is worth something.
        half_life_min = {
            sign = days_in_minutes(90),
            speed_limit = days_in_minutes(90),
            marking = days_in_minutes(30),
            hazard = 10,
        },

        -- Room for suspicions: what one vehicle may fill, and what goes when nobody else comes to see it.
        suspicions_per_vehicle = 256, -- in a window
        places_per_cell = 128, -- in a square of 131 m
        alone_ms = hours(24),

        -- How far off, in metres, not being told of a thing says that it is not there: parked cars, bends and corners
        -- end the view sooner than a message may claim.
        silence_m = {
            unknown = 40,
            camera_good = 80,
            camera_basic = 60,
            lidar = 80,
            roadside = 120,
        },

        sign = sign,
        speed_limit = speed_limit,
        other = other,
    },

    -- Learning together: which rounds there are, and how much one vehicle, or one group of them, may move the model.
    learn = {
        every_s = in_seconds(hours(1)),
        submit_s = in_seconds(minutes(15)), -- long enough for a car that passes two units
        attest_s = in_seconds(minutes(5)),
        open_s = in_seconds(minutes(5)),
        judge_s = in_seconds(minutes(10)),
        -- Tickets for learning are as old as this at most, and so is suspicion. Long enough to find an offender that comes to one round
        -- in five; the price is that its rounds, and nobody else's messages, can be told to be one car's for so long.
        epoch_s = in_seconds(28 * 24 * hours(1)),

        profile = 2, -- standard: 3 octets a parameter
        submissions_max = 1024,
        group_min = 8, -- no fewer cars' sum is ever opened
        group = 8, -- small groups: one bad car spoils seven good ones, not thirty

        clip = one(1500), -- of one car's whole step
        clip_inf = one(250), -- and of one parameter in it
        noise = 0, -- 2^-8 symbols; with noise of its own a car stays hidden even among seven that conspire, and the model learns less

        -- Of the groups' means: the outlying ones are left out, and the rest goes on as before.
        min_groups = 3,
        norm_clip = 2000, -- twice the median at most
        cosine = -1000, -- not asked for
        location = 2, -- distance filter
        trim = 250,
        mad = 3500,
        spread = 1000,
        krum = 300,
        momentum = 900,

        -- Who is found in bad groups again and again is set apart, and then out.
        bad_ppm = 50000,
        flag_bad_ppm = 950000,
        flag_good_ppm = 20000,
        quarantine = nats(13),
        score_floor = 0,
        quarantine_rounds = 4,

        veto_ppm = 20000, -- no step that finds two in a hundred fewer of what must be found
        veto_total_ppm = 50000, -- nor, step by step, five in a hundred fewer than the best model since the order
        safety_classes = 0, -- of the model in force: the region names them when it has one
    },
}
